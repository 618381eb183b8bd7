// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
#include "../card.h"

static __attribute__((noinline)) int sum(__u32 a, __u32 b)
{
	return a + b + (a >> 3);
}

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct two {
		__u32 a, b;
	} *packet = PACKET(ctx, struct two);

	if (packet && sum(packet->a, packet->b) == 5)
		return XDP_DROP;
	return XDP_PASS;
}
