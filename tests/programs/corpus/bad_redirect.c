// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	return bpf_redirect(3, 0) + (LENGTH(ctx) & 0);
}
