// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

HASH(sources, __u32, __u32, 10);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	return bpf_map_lookup_elem(&sources, &ip->saddr) ? XDP_DROP : XDP_PASS;
}
