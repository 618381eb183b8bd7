// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__be32 from[2] = {1, 2};
	__be32 to[2] = {3, LENGTH(ctx)};

	return bpf_csum_diff(from, sizeof(from), to, sizeof(to), 0) & 1 ? XDP_DROP : XDP_PASS;
}
