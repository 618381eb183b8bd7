// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u8 *p = START(ctx);
	__u32 at;

	if (p + 1 > (__u8 *)END(ctx))
		return XDP_PASS;
	at = *p & 63;
	p += at;
	if (p + 8 > (__u8 *)END(ctx))
		return XDP_PASS;
	return *(__u64 *)p == 0x1122334455667788ull ? XDP_DROP : XDP_PASS;
}
