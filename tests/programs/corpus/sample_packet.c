// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

EVENTS(events);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u64 length = LENGTH(ctx);
	__u32 marker = 1;

	if (length > 128)
		length = 128;
	if (bpf_get_prandom_u32() < 65536)
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | length << 32, &marker, sizeof(marker));
	return XDP_PASS;
}
