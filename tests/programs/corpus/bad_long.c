// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(values, __u64, 256);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u64 sum = ip->saddr;

#pragma unroll
	for (int i = 0; i < 200; i++) {
		__u32 key = sum & 0xff;
		__u64 *value = bpf_map_lookup_elem(&values, &key);

		if (value)
			sum ^= *value + i;
	}
	return sum & 1 ? XDP_DROP : XDP_PASS;
}
