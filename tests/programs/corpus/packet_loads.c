// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u8 *p = START(ctx);

	if (p + 100 > (__u8 *)END(ctx))
		return XDP_PASS;
	if (*(__u64 *)(p + 3) == *(__u64 *)(p + 17))
		return XDP_DROP;
	if (*(__u32 *)(p + 61) + *(__u16 *)(p + 79) + p[99] + *(__u32 *)(p + 30) == 4711)
		return XDP_DROP;
	return p[0] == p[70] ? XDP_TX : XDP_PASS;
}
