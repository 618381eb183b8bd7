// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct table {
	__u32 words[8];
};

ARRAY(tables, struct table, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 key = 0;
	struct table *table = bpf_map_lookup_elem(&tables, &key);

	return table && table->words[ip->tos & 7] ? XDP_DROP : XDP_PASS;
}
