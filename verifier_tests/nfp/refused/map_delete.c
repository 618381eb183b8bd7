// SPDX-License-Identifier: GPL-2.0-or-later
// refused: map_delete: not supported by FW
#include "../card.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 4);
} values SEC(".maps");

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;

	bpf_map_delete_elem(&values, &key);
	return XDP_PASS;
}
