// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(servers, __u32, 256);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;
	__u16 *ports = (void *)ip + ip->ihl * 4;

	if ((void *)(ports + 2) > END(ctx))
		return XDP_PASS;

	__u32 hash = ip->saddr ^ ((__u32)ports[0] << 16 | ports[1]);
	__u32 key;
	__u32 *server;

	hash ^= hash << 13;
	hash ^= hash >> 17;
	hash ^= hash << 5;
	key = hash & 255;
	server = bpf_map_lookup_elem(&servers, &key);
	if (!server || !*server)
		return XDP_PASS;
	ip->daddr = *server;
	return XDP_TX;
}
