// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(servers, __u32, 16);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 key = ip->saddr % 16;
	__u32 *server = bpf_map_lookup_elem(&servers, &key);

	return server && *server ? XDP_TX : XDP_PASS;
}
