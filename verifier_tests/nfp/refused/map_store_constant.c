// SPDX-License-Identifier: GPL-2.0-or-later
// refused: Translation failed with error -95 (translated: 9)
//
// The driver's verifier hook does not check the instruction that stores a constant (BPF_ST). Its translator refuses it.
#include "../card.h"

ARRAY_MAP(values, __u64, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return XDP_PASS;
	/* *(u64 *)(r1 + 0) = 5, which clang 14 cannot express */
	asm volatile("r1 = %0\n"
		     ".byte 0x7a, 0x01, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00\n"
		     :
		     : "r"(value)
		     : "r1", "memory");
	return XDP_PASS;
}
