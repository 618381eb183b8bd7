// SPDX-License-Identifier: GPL-2.0-or-later
// refused: Translation failed with error -95 (translated: 1)
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	if (ctx->data_meta != ctx->data)
		return XDP_DROP;
	return XDP_PASS;
}
