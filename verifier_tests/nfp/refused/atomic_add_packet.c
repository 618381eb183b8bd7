// SPDX-License-Identifier: GPL-2.0-or-later
// refused: atomic add not to a map value pointer: 8
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u64 *packet = PACKET(ctx, __u64);

	if (packet)
		__sync_fetch_and_add(packet, 1);
	return XDP_PASS;
}
