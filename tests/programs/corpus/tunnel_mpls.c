// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

HASH(labels, __u32, __u32, 1024);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct ethhdr *eth = START(ctx);
	__u32 *label = (void *)(eth + 1);
	__u32 key = 0;

	if ((void *)(eth + 1) > END(ctx) || eth->h_proto != bpf_htons(0x8847))
		return XDP_PASS;
	for (int i = 0; i < 4; i++) {
		if ((void *)(label + 1) > END(ctx))
			return XDP_DROP;
		key = bpf_ntohl(*label);
		if (key & 0x100)
			break;
		label++;
	}
	key >>= 12;
	return bpf_map_lookup_elem(&labels, &key) ? XDP_PASS : XDP_DROP;
}
