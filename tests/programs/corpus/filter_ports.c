// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;
	__u16 *ports = (void *)ip + ip->ihl * 4;

	if ((void *)(ports + 2) > END(ctx))
		return XDP_PASS;

	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	switch (bpf_ntohs(ports[1])) {
	case 22:
	case 80:
	case 443:
	case 8080:
		return XDP_PASS;
	default:
		return XDP_DROP;
	}
}
