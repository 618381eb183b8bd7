// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 *packet = PACKET(ctx, __u32);

	if (packet && *packet % 1000 == 5)
		return XDP_DROP;
	return XDP_PASS;
}
