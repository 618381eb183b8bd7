// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(services, struct counter, 64);
ARRAY(ttls, struct counter, 256);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 key = ip->tos >> 2;
	struct counter *c = bpf_map_lookup_elem(&services, &key);
	struct counter *d;

	if (c)
		count(c, ctx);
	key = ip->ttl;
	d = bpf_map_lookup_elem(&ttls, &key);
	if (d)
		count(d, ctx);
	return XDP_PASS;
}
