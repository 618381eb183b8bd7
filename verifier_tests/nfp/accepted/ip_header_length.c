// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	__u8 *data_end = (void *)(long)ctx->data_end;
	__u32 length;

	if (data + 34 > data_end)
		return XDP_PASS;
	length = (data[14] & 15) * 4;
	data += 14 + length;
	asm volatile("" : "+r"(data));
	if (data + 4 > data_end)
		return XDP_PASS;
	if (*data == 5)
		return XDP_DROP;
	return XDP_PASS;
}
