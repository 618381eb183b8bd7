// SPDX-License-Identifier: GPL-2.0-or-later
// refused: too many maps for a device
// firmware: test-few-elements
#include "../card.h"

ARRAY_MAP(values, __u64, 4);
ARRAY_MAP(values2, __u64, 4);
ARRAY_MAP(values3, __u64, 4);
ARRAY_MAP(values4, __u64, 4);
ARRAY_MAP(values5, __u64, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&values, &key);

	if (!value || !bpf_map_lookup_elem(&values2, &key) || !bpf_map_lookup_elem(&values3, &key) ||
	    !bpf_map_lookup_elem(&values4, &key) || !bpf_map_lookup_elem(&values5, &key))
		return XDP_PASS;
	__sync_fetch_and_add(value, 1);
	return XDP_PASS;
}
