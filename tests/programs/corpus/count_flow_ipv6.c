// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

HASH(flows, struct in6_addr, struct counter, 1000);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct ipv6hdr *ip = ipv6(ctx);
	struct in6_addr key;
	struct counter *c;

	if (!ip)
		return XDP_PASS;
	key = ip->saddr;
	c = bpf_map_lookup_elem(&flows, &key);
	if (c)
		count(c, ctx);
	return XDP_PASS;
}
