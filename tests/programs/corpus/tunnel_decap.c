// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	struct ethhdr *eth;
	struct ethhdr copy;

	if (ip->protocol != IPPROTO_IPIP || ip->ihl != 5)
		return XDP_PASS;
	copy = *(struct ethhdr *)START(ctx);
	if (bpf_xdp_adjust_head(ctx, sizeof(struct iphdr)))
		return XDP_DROP;
	eth = START(ctx);
	if ((void *)(eth + 1) > END(ctx))
		return XDP_DROP;
	*eth = copy;
	return XDP_PASS;
}
