// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	struct udphdr *udp = (void *)(ip + 1);
	__u8 *dns = (void *)(udp + 1);

	if (ip->ihl != 5 || ip->protocol != IPPROTO_UDP || (void *)(dns + 12) > END(ctx))
		return XDP_PASS;
	if (udp->dest != bpf_htons(53))
		return XDP_PASS;
	if (dns[2] & 0x80)
		return XDP_DROP;
	return (dns[4] << 8 | dns[5]) > 1 ? XDP_DROP : XDP_PASS;
}
