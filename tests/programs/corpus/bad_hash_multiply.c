// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 hash = ip->saddr ^ ip->daddr;

	hash *= 2654435761u;
	hash ^= hash >> 15;
	hash *= 2246822519u;
	return hash & 1 ? XDP_DROP : XDP_PASS;
}
