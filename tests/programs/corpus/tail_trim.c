// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 length = LENGTH(ctx);

	if (length > 128)
		bpf_xdp_adjust_tail(ctx, 128 - (int)length);
	return XDP_PASS;
}
