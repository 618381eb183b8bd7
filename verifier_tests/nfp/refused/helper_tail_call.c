// SPDX-License-Identifier: GPL-2.0-or-later
// refused: libbpf: map 'programs': failed to create: Invalid argument(-22)
//
// The kernel offloads no program arrays: it does not come to the helper.
#include "../card.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 1);
} programs SEC(".maps");

SEC("xdp")
int program(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &programs, 0);
	return XDP_PASS;
}
