// SPDX-License-Identifier: GPL-2.0-or-later
// refused: dividend is not within u32 value range
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u64 *packet = PACKET(ctx, __u64);

	if (packet)
		return *packet / 1000;
	return XDP_PASS;
}
