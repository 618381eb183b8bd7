/* SPDX-License-Identifier: GPL-2.0-only */
/* One program on one hook: the file that includes this names the program and its features, the build chooses the hook
 * (features.h). */
#include "features.h"
#if HOOK_TC
#include "hook_tc.h"
#else
#include "hook_xdp.h"
#endif
#include "analyzer.h"

#ifdef HOOK_RUN_CONFIG
HOOK_RUN_CONFIG(PROGRAM);
#endif

char _license[] SEC("license") = "GPL";

SEC(HOOK_SECTION)
int PROGRAM(hook_ctx *ctx)
{
	return analyze(ctx);
}
