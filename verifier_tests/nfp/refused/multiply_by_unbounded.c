// SPDX-License-Identifier: GPL-2.0-or-later
// refused: multiplicand is not within u32 value range
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct two {
		__u64 a, b;
	} *packet = PACKET(ctx, struct two);
	__u64 small, large;

	if (!packet)
		return XDP_PASS;
	small = packet->a & 0xff;
	large = packet->b;
	asm volatile("%0 *= %1" : "+r"(small) : "r"(large));
	return small >> 63 ? XDP_DROP : XDP_PASS;
}
