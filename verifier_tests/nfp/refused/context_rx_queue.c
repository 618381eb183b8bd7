// SPDX-License-Identifier: GPL-2.0-or-later
// refused: Translation failed with error -95 (translated: 0)
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	if (ctx->rx_queue_index == 5)
		return XDP_DROP;
	return XDP_PASS;
}
