// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u8 *data = START(ctx);

	if (data + 64 > (__u8 *)END(ctx))
		return XDP_PASS;
#pragma unroll
	for (int i = 0; i < 13; i++) {
		data[32 + i] = data[i];
		asm volatile("" ::: "memory");
	}
	return XDP_TX;
}
