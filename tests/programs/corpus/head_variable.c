// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct ethhdr *eth = START(ctx);

	if ((void *)(eth + 1) > END(ctx))
		return XDP_DROP;
	if (bpf_xdp_adjust_head(ctx, eth->h_source[0] & 15))
		return XDP_DROP;
	return XDP_PASS;
}
