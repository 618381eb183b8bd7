// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

HASH(keys, __u32, struct counter, 1024);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u16 *gre = (void *)ip + ip->ihl * 4;
	__u32 key;
	struct counter *c;

	if (ip->protocol != IPPROTO_GRE || (void *)(gre + 4) > END(ctx))
		return XDP_PASS;
	key = gre[0] & bpf_htons(0x2000) ? gre[2] | (__u32)gre[3] << 16 : 0;
	c = bpf_map_lookup_elem(&keys, &key);
	if (c)
		count(c, ctx);
	return XDP_PASS;
}
