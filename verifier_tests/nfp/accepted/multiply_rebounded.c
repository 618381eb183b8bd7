// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
//
// Like refused/multiply_hash32.c, but a move gives the kernel its bounds back.
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 *packet = PACKET(ctx, __u32);
	__u32 hash;

	if (!packet)
		return XDP_PASS;
	hash = *packet;
	hash ^= hash >> 16;
	asm volatile("%0 = %0" : "+w"(hash));
	hash *= 0x2c1b3c6d;
	hash ^= hash >> 13;
	return hash & 1 ? XDP_DROP : XDP_PASS;
}
