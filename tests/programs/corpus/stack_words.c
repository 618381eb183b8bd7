// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	volatile __u8 bytes[96];
	volatile __u64 *words = (void *)bytes;
	struct ethhdr *eth = START(ctx);

	if ((void *)(eth + 1) > END(ctx))
		return XDP_DROP;
	words[0] = eth->h_proto;
	words[11] = LENGTH(ctx);
	words[5] = 3;
	*(volatile __u16 *)(bytes + 50) = eth->h_proto;
	*(volatile __u32 *)(bytes + 92) = eth->h_dest[1];
	bytes[33] = eth->h_source[5];
	return words[0] + words[11] + bytes[33] + *(volatile __u16 *)(bytes + 50) > 4000 ? XDP_DROP : XDP_PASS;
}
