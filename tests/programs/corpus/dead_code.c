// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 length = LENGTH(ctx) & 0xff;

	if (length > 300)
		return XDP_ABORTED;
	asm volatile("if %0 > 255 goto +1; %0 = 7" : "+r"(length));
	return length == 7 ? XDP_PASS : XDP_DROP;
}
