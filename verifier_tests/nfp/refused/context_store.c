// SPDX-License-Identifier: GPL-2.0-or-later
// refused: unsupported store to context field
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	*(volatile __u32 *)&ctx->ingress_ifindex = 5;
	return XDP_PASS;
}
