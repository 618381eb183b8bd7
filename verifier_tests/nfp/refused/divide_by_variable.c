// SPDX-License-Identifier: GPL-2.0-or-later
// refused: divisor is not constant
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct two {
		__u32 a, b;
	} *packet = PACKET(ctx, struct two);

	if (packet)
		return packet->a / packet->b;
	return XDP_PASS;
}
