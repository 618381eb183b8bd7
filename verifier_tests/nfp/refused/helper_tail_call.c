// SPDX-License-Identifier: GPL-2.0-or-later
// refused: libbpf: map 'programs': failed to create: Invalid argument(-22)
//
// The kernel does not offload program arrays, so the helper is never checked.
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
