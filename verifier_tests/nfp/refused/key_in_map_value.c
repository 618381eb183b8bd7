// SPDX-License-Identifier: GPL-2.0-or-later
// refused: map_lookup: unsupported ptr type 4
#include "../card.h"

ARRAY_MAP(values, __u64, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return XDP_PASS;
	if (bpf_map_lookup_elem(&values, value))
		return XDP_DROP;
	return XDP_PASS;
}
