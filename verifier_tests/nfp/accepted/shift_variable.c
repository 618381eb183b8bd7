// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct two {
		__u64 a;
		__u8 b;
	} *packet = PACKET(ctx, struct two);

	if (packet && packet->a >> (packet->b & 63) & 1)
		return XDP_DROP;
	return XDP_PASS;
}
