// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct flow {
	__be32 source, target;
	__be16 source_port, target_port;
	__u32 protocol;
};

HASH(flows, struct flow, struct counter, 100000);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;
	__u16 *ports = (void *)ip + ip->ihl * 4;

	if ((void *)(ports + 2) > END(ctx))
		return XDP_PASS;

	struct flow key = {ip->saddr, ip->daddr, ports[0], ports[1], ip->protocol};
	struct counter *c = bpf_map_lookup_elem(&flows, &key);

	if (c)
		count(c, ctx);
	return XDP_PASS;
}
