// SPDX-License-Identifier: GPL-2.0-or-later
// refused: map value offset is variable
#include "../card.h"

struct text {
	__u8 bytes[16];
};
ARRAY_MAP(values, struct text, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 index;
	struct text *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return XDP_PASS;
	index = *(__u8 *)value & 7;
	asm volatile("" : "+r"(index));
	return value->bytes[index & 7];
}
