// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	const char text[] = "packet";

	bpf_trace_printk(text, sizeof(text));
	return LENGTH(ctx) ? XDP_PASS : XDP_DROP;
}
