// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

HASH(sources, __u32, struct counter, 65536);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 key = ip->saddr;
	struct counter *c = bpf_map_lookup_elem(&sources, &key);

	if (c)
		count(c, ctx);
	return XDP_PASS;
}
