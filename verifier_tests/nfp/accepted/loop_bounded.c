// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
#include "../card.h"

ARRAY_MAP(values, __u64, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return XDP_PASS;
	for (__u32 i = 0; i < 4; i++) {
		key = i;
		value = bpf_map_lookup_elem(&values, &key);
		if (value)
			__sync_fetch_and_add(value, 1);
	}
	return XDP_PASS;
}
