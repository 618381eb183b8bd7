// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
//
// One word is read, the other added to.
#include "../card.h"

struct pair {
	__u32 limit, count;
};
ARRAY_MAP(values, struct pair, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct pair *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return XDP_PASS;
	if (value->limit)
		return XDP_DROP;
	__sync_fetch_and_add(&value->count, 1);
	return XDP_PASS;
}
