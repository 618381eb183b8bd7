// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(totals, struct counter, 1);
EVENTS(events);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&totals, &key);

	if (!c)
		return XDP_PASS;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, c, sizeof(*c));
	return XDP_PASS;
}
