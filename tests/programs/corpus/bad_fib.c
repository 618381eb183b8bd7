// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct bpf_fib_lookup lookup = {};

	return bpf_fib_lookup(ctx, &lookup, sizeof(lookup), 0) ? XDP_PASS : XDP_TX;
}
