// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(addresses, __u32, 16);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	for (__u32 i = 0; i < 16; i++) {
		__u32 key = i;
		__u32 *address = bpf_map_lookup_elem(&addresses, &key);

		if (address && *address == ip->saddr)
			return XDP_DROP;
	}
	return XDP_PASS;
}
