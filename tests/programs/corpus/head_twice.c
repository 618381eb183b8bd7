// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	if (LENGTH(ctx) > 200)
		return bpf_xdp_adjust_head(ctx, 8) ? XDP_DROP : XDP_PASS;
	return bpf_xdp_adjust_head(ctx, 12) ? XDP_DROP : XDP_PASS;
}
