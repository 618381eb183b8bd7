// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

static __attribute__((noinline)) __u32 three(__u32 x)
{
	volatile __u32 kept = x * 3;

	return kept + 1;
}

static __attribute__((noinline)) __u32 two(__u32 x)
{
	volatile __u32 kept[9];

	kept[8] = x;
	return three(x) + three(x + 1) + kept[8];
}

static __attribute__((noinline)) __u32 one(__u32 x)
{
	return two(x) + two(x ^ 5);
}

SEC("xdp")
int program(struct xdp_md *ctx)
{
	return one(LENGTH(ctx)) & 1 ? XDP_DROP : XDP_PASS;
}
