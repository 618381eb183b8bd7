// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	return ip->ttl && ip->saddr / ip->ttl > 1000000 ? XDP_DROP : XDP_PASS;
}
