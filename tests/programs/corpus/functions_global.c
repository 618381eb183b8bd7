// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

__attribute__((noinline)) int classify(__u32 length, __u32 seed)
{
	return (length >> 2) + (seed ^ length);
}

SEC("xdp")
int program(struct xdp_md *ctx)
{
	return classify(LENGTH(ctx), 7) > 100 ? XDP_DROP : XDP_PASS;
}
