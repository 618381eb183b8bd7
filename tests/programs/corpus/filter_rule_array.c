// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct rule {
	__u32 network, mask;
	__u16 low, high;
	__u32 action;
};

ARRAY(rules, struct rule, 8);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;
	__u16 *ports = (void *)ip + ip->ihl * 4;

	if ((void *)(ports + 2) > END(ctx))
		return XDP_PASS;

	__u32 source = bpf_ntohl(ip->saddr);
	__u16 port = bpf_ntohs(ports[1]);

#pragma unroll
	for (__u32 i = 0; i < 8; i++) {
		__u32 key = i;
		struct rule *rule = bpf_map_lookup_elem(&rules, &key);

		if (!rule || !rule->action)
			break;
		if ((source & rule->mask) == rule->network && port >= rule->low && port <= rule->high)
			return rule->action == 1 ? XDP_DROP : XDP_PASS;
	}
	return XDP_PASS;
}
