// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct ethhdr *eth = START(ctx);
	__u64 source;

	if ((void *)(eth + 1) > END(ctx))
		return XDP_DROP;
	source = *(__u32 *)eth->h_source | (__u64) * (__u16 *)(eth->h_source + 4) << 32;
	return source == 0x0000563412005202ull ? XDP_DROP : XDP_PASS;
}
