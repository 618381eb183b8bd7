// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct pair {
	__u64 a, b;
};

static __attribute__((noinline)) int fill(struct pair *pair, __u32 by)
{
	__u64 old = pair->a;

	pair->a = pair->b + by;
	pair->b = old;
	return 0;
}

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct pair pair = {LENGTH(ctx), 3};

	fill(&pair, 5);
	fill(&pair, 9);
	return pair.a + pair.b > 1000 ? XDP_DROP : XDP_PASS;
}
