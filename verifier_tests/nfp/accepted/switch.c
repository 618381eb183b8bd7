// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u8 *packet = PACKET(ctx, __u8);

	if (!packet)
		return XDP_PASS;
	switch (*packet) {
	case 1:
		return XDP_DROP;
	case 2:
		return XDP_TX;
	case 17:
		return XDP_ABORTED;
	}
	return XDP_PASS;
}
