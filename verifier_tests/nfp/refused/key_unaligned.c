// SPDX-License-Identifier: GPL-2.0-or-later
// refused: map_lookup: unaligned stack pointer 15
#include "../card.h"

ARRAY_MAP(values, __u64, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u8 bytes[12] __attribute__((aligned(8))) = {};
	void *key = bytes + 1;

	asm volatile("" : "+r"(key) : : "memory");
	if (bpf_map_lookup_elem(&values, bytes + 1))
		return XDP_DROP;
	return XDP_PASS;
}
