// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct key {
	__u32 a, b, c, d;
};

HASH(table, struct key, __u64, 100);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	struct key key = {ip->saddr, ip->daddr, ip->protocol, ip->tos};
	struct key other = {ip->daddr, ip->saddr, ip->protocol, ip->tos};

	if (bpf_map_lookup_elem(&table, &key))
		return XDP_DROP;
	return bpf_map_lookup_elem(&table, &other) ? XDP_TX : XDP_PASS;
}
