// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 source = bpf_ntohl(ip->saddr);

	if ((source & 0xff000000) == 0x0a000000 || (source & 0xfff00000) == 0xac100000 ||
	    (source & 0xffff0000) == 0xc0a80000)
		return XDP_DROP;
	return XDP_PASS;
}
