// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(vlans, struct counter, 4096);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct ethhdr *eth = START(ctx);
	struct vlan {
		__be16 tci;
		__be16 type;
	} *vlan = (void *)(eth + 1);
	__u32 key;
	struct counter *c;

	if ((void *)(vlan + 1) > END(ctx) || eth->h_proto != bpf_htons(ETH_P_8021Q))
		return XDP_PASS;
	key = bpf_ntohs(vlan->tci) & 0xfff;
	c = bpf_map_lookup_elem(&vlans, &key);
	if (c)
		count(c, ctx);
	return XDP_PASS;
}
