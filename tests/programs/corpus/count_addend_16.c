// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct totals {
	__u64 value[4];
};

ARRAY(totals, struct totals, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&totals, &key);
	struct ethhdr *eth = START(ctx);

	if (!value || (void *)(eth + 1) > END(ctx))
		return XDP_PASS;
	__sync_fetch_and_add(&value[0], 70000);
	__sync_fetch_and_add(&value[1], eth->h_proto);
	__sync_fetch_and_add(&value[2], *(__u32 *)eth);
	__sync_fetch_and_add(&value[3], *(__u64 *)eth);
	return XDP_PASS;
}
