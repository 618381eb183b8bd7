// SPDX-License-Identifier: GPL-2.0-or-later
// refused: event_output: must use BPF_F_CURRENT_CPU, var_off: (0x0; 0x0)
#include "../card.h"

EVENT_MAP(events);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 data = 1;

	bpf_perf_event_output(ctx, &events, 0, &data, sizeof(data));
	return XDP_PASS;
}
