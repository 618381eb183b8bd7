// SPDX-License-Identifier: GPL-2.0-or-later
// refused: BPF offload not supported with potential packet access beyond HW packet split boundary
// mtu: 3000
//
// Only a port whose MTU is beyond the boundary itself (1888 bytes) can meet it.
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct far {
		__u8 bytes[2000];
	} *packet = PACKET(ctx, struct far);

	if (packet && packet->bytes[1999])
		return XDP_DROP;
	return XDP_PASS;
}
