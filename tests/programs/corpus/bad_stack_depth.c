// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

static __attribute__((noinline)) __u32 deep(__u32 x)
{
	volatile __u64 words[18];

	words[0] = x;
	words[17] = words[0] + 1;
	return words[17];
}

SEC("xdp")
int program(struct xdp_md *ctx)
{
	volatile __u64 words[40];

	words[0] = LENGTH(ctx);
	words[39] = words[0];
	return deep(words[39]) & 1 ? XDP_DROP : XDP_PASS;
}
