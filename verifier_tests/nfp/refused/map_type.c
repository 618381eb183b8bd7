// SPDX-License-Identifier: GPL-2.0-or-later
// refused: libbpf: map 'values': failed to create: Invalid argument(-22)
//
// The kernel offloads only arrays and hash tables.
#include "../card.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 4);
} values SEC(".maps");

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
