// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

volatile const __u32 limit = 1000;

SEC("xdp")
int program(struct xdp_md *ctx)
{
	return LENGTH(ctx) > limit ? XDP_DROP : XDP_PASS;
}
