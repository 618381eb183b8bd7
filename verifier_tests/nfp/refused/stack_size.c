// SPDX-License-Identifier: GPL-2.0-or-later
// refused: stack too large: program 128B > FW stack 64B
// firmware: test-little-stack
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u64 words[9] = {};

	asm volatile("" : : "r"(words) : "memory");
	return XDP_PASS;
}
