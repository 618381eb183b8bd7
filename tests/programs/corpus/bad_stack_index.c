// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	volatile __u32 seen[16] = {};

	seen[ip->tos & 15] = ip->saddr;
	seen[ip->ttl & 15] += 1;
	return seen[ip->protocol & 15] ? XDP_DROP : XDP_PASS;
}
