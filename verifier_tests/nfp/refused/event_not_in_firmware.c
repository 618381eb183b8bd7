// SPDX-License-Identifier: GPL-2.0-or-later
// refused: event_output: not supported by FW
// firmware: corenic
#include "../card.h"

EVENT_MAP(events);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 data = 1;

	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &data, sizeof(data));
	return XDP_PASS;
}
