// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

EVENTS(events);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 length = LENGTH(ctx);

	bpf_perf_event_output(ctx, &events, length & 3, &length, sizeof(length));
	return XDP_PASS;
}
