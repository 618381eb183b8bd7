// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct tunnel {
	__be32 source, target;
};

HASH(tunnels, __u32, struct tunnel, 1024);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 key = ip->daddr;
	struct tunnel *tunnel = bpf_map_lookup_elem(&tunnels, &key);
	struct ethhdr *eth, *old;
	struct iphdr *outer;
	__u16 length = ip->tot_len;

	if (!tunnel || bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)))
		return XDP_PASS;
	eth = START(ctx);
	outer = (void *)(eth + 1);
	old = START(ctx) + sizeof(struct iphdr);
	if ((void *)(outer + 1) > END(ctx) || (void *)(old + 1) > END(ctx))
		return XDP_DROP;
	*eth = *old;
	outer->version = 4;
	outer->ihl = 5;
	outer->tos = 0;
	outer->tot_len = bpf_htons(bpf_ntohs(length) + sizeof(*outer));
	outer->id = 0;
	outer->frag_off = 0;
	outer->ttl = 64;
	outer->protocol = IPPROTO_IPIP;
	outer->check = 0;
	outer->saddr = tunnel->source;
	outer->daddr = tunnel->target;
	return XDP_TX;
}
