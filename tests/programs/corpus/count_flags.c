// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct flags {
	__u32 counts[4];
};

ARRAY(counts, struct flags, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 key = 0;
	__u32 *flags;

	if (ip->protocol != IPPROTO_TCP || (void *)(tcp + 1) > END(ctx))
		return XDP_PASS;
	flags = bpf_map_lookup_elem(&counts, &key);
	if (!flags)
		return XDP_PASS;
	if (tcp->syn)
		__sync_fetch_and_add(&flags[0], 1);
	if (tcp->ack)
		__sync_fetch_and_add(&flags[1], 1);
	if (tcp->fin)
		__sync_fetch_and_add(&flags[2], 1);
	if (tcp->rst)
		__sync_fetch_and_add(&flags[3], 1);
	return XDP_PASS;
}
