// SPDX-License-Identifier: GPL-2.0-or-later
// refused: atomic op not implemented: 241
#include "../card.h"

ARRAY_MAP(values, __u64, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return XDP_PASS;
	__sync_val_compare_and_swap(value, 0, 1);
	return XDP_PASS;
}
