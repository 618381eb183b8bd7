// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct server {
	__u32 mac_high;
	__u32 mac_low;
	__u64 packets;
};

ARRAY(servers, struct server, 16);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	struct ethhdr *eth = START(ctx);
	__u32 key = ip->saddr & 15;
	struct server *server = bpf_map_lookup_elem(&servers, &key);

	if (!server)
		return XDP_PASS;
	__sync_fetch_and_add(&server->packets, 1);
	*(__u32 *)eth->h_dest = server->mac_high;
	*(__u16 *)(eth->h_dest + 4) = server->mac_low;
	return XDP_TX;
}
