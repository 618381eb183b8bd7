// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

HASH(table, __u32, __u32, 100);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 one = ip->saddr;
	__u32 two[6] = {ip->daddr, 1, 2, 3, 4, 5};
	void *key = ip->tos ? (void *)&one : (void *)&two[ip->ttl ? 1 : 2];

	return bpf_map_lookup_elem(&table, key) ? XDP_TX : XDP_PASS;
}
