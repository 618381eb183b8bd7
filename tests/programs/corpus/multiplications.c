// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 small = ip->tos * 37, large = (__u32)ip->tot_len * ip->id;
	__u64 product = (__u64)ip->saddr * ip->daddr, constant = (__u64)ip->saddr * 2654435;

	return (small + large + product + constant) & 1 ? XDP_DROP : XDP_PASS;
}
