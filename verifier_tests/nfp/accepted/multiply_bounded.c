// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct two {
		__u32 a, b;
	} *packet = PACKET(ctx, struct two);

	if (packet && (__u64)packet->a * packet->b >> 63)
		return XDP_DROP;
	return XDP_PASS;
}
