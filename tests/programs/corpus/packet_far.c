// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u8 *p = START(ctx);

	if (p + 1500 > (__u8 *)END(ctx))
		return XDP_PASS;
	return p[1499] == 7 && *(__u32 *)(p + 700) == 9 ? XDP_DROP : XDP_PASS;
}
