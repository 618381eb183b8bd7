// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(values, __u64, 1);
EVENTS(events);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u64 local = ip->saddr;
	__u32 key = 0;
	__u64 *shared = bpf_map_lookup_elem(&values, &key);
	void *from = &local;

	if (!shared)
		return XDP_PASS;
	if (ip->tos)
		from = shared;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, from, 8);
	return XDP_PASS;
}
