// SPDX-License-Identifier: GPL-2.0-or-later
// refused: variable ptr stack access
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u8 bytes[16] = {}, *packet = PACKET(ctx, __u8);
	__u64 index;

	if (!packet)
		return XDP_PASS;
	index = *packet & 15;
	asm volatile("" : "+r"(index));
	bytes[index & 15] = 1;
	asm volatile("" : : "r"(bytes) : "memory");
	return XDP_PASS;
}
