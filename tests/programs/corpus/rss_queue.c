// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 hash = ip->saddr ^ ip->daddr;

	hash ^= hash >> 16;
	hash ^= hash >> 8;
	ctx->rx_queue_index = hash & 7;
	return XDP_PASS;
}
