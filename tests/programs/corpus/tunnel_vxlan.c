// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

HASH(networks, __u32, struct counter, 4096);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	struct udphdr *udp = (void *)(ip + 1);
	__u32 *vxlan = (void *)(udp + 1);
	__u32 key;
	struct counter *c;

	if (ip->ihl != 5 || ip->protocol != IPPROTO_UDP || (void *)(vxlan + 2) > END(ctx))
		return XDP_PASS;
	if (udp->dest != bpf_htons(4789))
		return XDP_PASS;
	key = bpf_ntohl(vxlan[1]) >> 8;
	c = bpf_map_lookup_elem(&networks, &key);
	if (c)
		count(c, ctx);
	return XDP_PASS;
}
