// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
//
// The event also carries the packet's first bytes.
#include "../card.h"

EVENT_MAP(events);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u64 length = ctx->data_end - ctx->data;
	__u32 data = 1;

	if (length > 128)
		length = 128;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | length << 32, &data, sizeof(data));
	return XDP_PASS;
}
