// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(queues, __u32, 128);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;
	__u16 *ports = (void *)ip + ip->ihl * 4;

	if ((void *)(ports + 2) > END(ctx))
		return XDP_PASS;

	__u32 hash = (ip->saddr ^ ip->daddr) + (ports[0] ^ ports[1]);
	__u32 key = (hash ^ hash >> 16) & 127;
	__u32 *queue = bpf_map_lookup_elem(&queues, &key);

	if (queue)
		ctx->rx_queue_index = *queue;
	return XDP_PASS;
}
