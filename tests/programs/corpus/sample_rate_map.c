// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct rate {
	__u32 threshold;
	__u32 unused;
	__u64 sent;
};

ARRAY(rates, struct rate, 1);
EVENTS(events);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct rate *rate = bpf_map_lookup_elem(&rates, &key);
	__u64 record;

	if (!rate || bpf_get_prandom_u32() >= rate->threshold)
		return XDP_PASS;
	__sync_fetch_and_add(&rate->sent, 1);
	record = LENGTH(ctx);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &record, sizeof(record));
	return XDP_PASS;
}
