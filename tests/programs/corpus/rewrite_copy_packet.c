// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u64 *words = START(ctx);

	if ((void *)(words + 16) > END(ctx))
		return XDP_PASS;
	__builtin_memcpy(words + 8, words, 64);
	return XDP_TX;
}
