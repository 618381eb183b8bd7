// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(numbers, __u64, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *next = bpf_map_lookup_elem(&numbers, &key);

	return next && __sync_fetch_and_add(next, 1) & 1 && LENGTH(ctx) ? XDP_DROP : XDP_PASS;
}
