// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	void *meta = (void *)(long)ctx->data_meta;

	return meta + 4 > START(ctx) ? XDP_PASS : XDP_DROP;
}
