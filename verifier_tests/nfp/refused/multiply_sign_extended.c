// SPDX-License-Identifier: GPL-2.0-or-later
// refused: sign extended multiplicand won't be within u32 value range
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u16 *packet = PACKET(ctx, __u16);
	__u64 product;

	if (!packet)
		return XDP_PASS;
	product = *packet;
	asm volatile("%0 *= -3" : "+r"(product));
	return product >> 63 ? XDP_DROP : XDP_PASS;
}
