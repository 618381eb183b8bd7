// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

MAP(totals, BPF_MAP_TYPE_LRU_HASH, __u32, struct counter, 100);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 key = ip->saddr;
	struct counter fresh = {1, 2};
	struct counter *c = bpf_map_lookup_elem(&totals, &key);

	if (c)
		count(c, ctx);
	else
		bpf_map_update_elem(&totals, &key, &fresh, BPF_ANY);
	return XDP_PASS;
}
