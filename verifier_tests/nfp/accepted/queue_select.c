// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	ctx->rx_queue_index = 5;
	return XDP_PASS;
}
