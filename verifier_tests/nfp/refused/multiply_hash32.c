// SPDX-License-Identifier: GPL-2.0-or-later
// refused: multiplier is not within u32 value range
//
// A 32-bit multiplication, but this kernel loses the bounds at an xor.
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
	hash *= 0x2c1b3c6d;
	hash ^= hash >> 13;
	return hash & 1 ? XDP_DROP : XDP_PASS;
}
