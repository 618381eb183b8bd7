// SPDX-License-Identifier: GPL-2.0-or-later
// refused: map_update: not supported by FW
#include "../card.h"

ARRAY_MAP(values, __u64, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 value = 1;

	bpf_map_update_elem(&values, &key, &value, BPF_ANY);
	return XDP_PASS;
}
