// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	if (ip->frag_off & bpf_htons(0x1fff))
		return XDP_DROP;
	if (ip->frag_off & bpf_htons(0x2000))
		return XDP_DROP;
	return XDP_PASS;
}
