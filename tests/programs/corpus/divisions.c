// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 a = ip->saddr / 10, b = ip->saddr / 7, c = ip->daddr / 1000003, d = ip->daddr / 0x90000000;
	__u32 e = ip->tot_len / 3, f = ip->id / 100, g = ip->saddr / 641, h = ip->daddr / 14;

	return (a ^ b ^ c ^ d ^ e ^ f ^ g ^ h) & 1 ? XDP_DROP : XDP_PASS;
}
