// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct limit {
	__u32 threshold;
	__u32 seen;
};

ARRAY(limits, struct limit, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 key = 0;
	struct limit *limit;

	if (ip->protocol != IPPROTO_ICMP)
		return XDP_PASS;
	limit = bpf_map_lookup_elem(&limits, &key);
	if (!limit)
		return XDP_PASS;
	__sync_fetch_and_add(&limit->seen, 1);
	return bpf_get_prandom_u32() > limit->threshold ? XDP_DROP : XDP_PASS;
}
