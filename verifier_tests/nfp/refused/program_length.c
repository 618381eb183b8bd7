// SPDX-License-Identifier: GPL-2.0-or-later
// refused: instruction limit reached (400 NFP instructions)
// firmware: test-short-programs
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	__u8 *data_end = (void *)(long)ctx->data_end;
	__u32 sum = 0;

	if (data + 128 > data_end)
		return XDP_PASS;
#pragma unroll
	for (int i = 0; i < 128; i++)
		sum = (sum << 1) + (sum >> 3) + data[i];
	return sum > 5 ? XDP_DROP : XDP_PASS;
}
