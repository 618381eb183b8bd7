// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(totals, struct counter, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&totals, &key);

	if (c) {
		c->packets++;
		c->bytes += LENGTH(ctx);
	}
	return XDP_PASS;
}
