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

#if CALLS_ON_PACKET
/* A user's function of another object (docs/own-programs.md). */
int on_packet(hook_ctx *ctx);
#endif

/* The host tells by the name what a loaded program reads of packets. */
#if RAW_IP
#define PROGRAM_NAME NICSENTRY_JOIN_VALUE(PROGRAM, _rawip)
#elif HAS_VLANS && !ON_HOST
#define PROGRAM_NAME NICSENTRY_JOIN_VALUE(PROGRAM, _vlan)
#else
#define PROGRAM_NAME PROGRAM
#endif

SEC(HOOK_SECTION)
int PROGRAM_NAME(hook_ctx *ctx)
{
#if CALLS_ON_PACKET
	int verdict = analyze(ctx);

	return verdict == VERDICT_PASS ? on_packet(ctx) : verdict;
#else
	return analyze(ctx);
#endif
}
