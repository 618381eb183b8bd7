// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 *packet = PACKET(ctx, __u32);

	if (packet)
		*packet ^= 0xff;
	return XDP_TX;
}
