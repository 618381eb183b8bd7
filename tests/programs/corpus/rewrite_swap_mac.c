// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct ethhdr *eth = START(ctx);
	__u16 *words = (void *)eth;
	__u16 a, b, c;

	if ((void *)(eth + 1) > END(ctx))
		return XDP_DROP;
	a = words[0];
	b = words[1];
	c = words[2];
	words[0] = words[3];
	words[1] = words[4];
	words[2] = words[5];
	words[3] = a;
	words[4] = b;
	words[5] = c;
	return XDP_TX;
}
