// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct ethhdr *eth = START(ctx);
	struct ethhdr copy;
	__be16 *type = START(ctx) + 16;

	if ((void *)(type + 1) > END(ctx) || eth->h_proto != bpf_htons(ETH_P_8021Q))
		return XDP_PASS;
	copy = *eth;
	copy.h_proto = *type;
	if (bpf_xdp_adjust_head(ctx, 4))
		return XDP_DROP;
	eth = START(ctx);
	if ((void *)(eth + 1) > END(ctx))
		return XDP_DROP;
	*eth = copy;
	return XDP_PASS;
}
