// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

HASH(prefixes, __u32, __u32, 10000);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 address = bpf_ntohl(ip->saddr);
	__u32 key;

#pragma unroll
	for (int length = 32; length >= 8; length -= 8) {
		key = address & (0xffffffffu << (32 - length));
		if (bpf_map_lookup_elem(&prefixes, &key))
			return XDP_DROP;
	}
	return XDP_PASS;
}
