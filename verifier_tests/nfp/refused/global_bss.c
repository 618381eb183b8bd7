// SPDX-License-Identifier: GPL-2.0-or-later
// refused: map flags are not supported
#include "../card.h"

int threshold;

SEC("xdp")
int program(struct xdp_md *ctx)
{
	asm volatile("" : : : "memory");
	if (threshold)
		return XDP_DROP;
	return XDP_PASS;
}
