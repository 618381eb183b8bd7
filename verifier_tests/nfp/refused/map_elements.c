// SPDX-License-Identifier: GPL-2.0-or-later
// refused: map with too many elements: 3072001, left: 3072000
#include "../card.h"

ARRAY_MAP(values, __u64, 3072001);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return XDP_PASS;
	__sync_fetch_and_add(value, 1);
	return XDP_PASS;
}
