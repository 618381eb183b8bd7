// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct entry {
	__u64 dropped;
};

HASH(blocked, __u32, struct entry, 1000000);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 key = ip->saddr;
	struct entry *entry = bpf_map_lookup_elem(&blocked, &key);

	if (!entry)
		return XDP_PASS;
	__sync_fetch_and_add(&entry->dropped, 1);
	return XDP_DROP;
}
