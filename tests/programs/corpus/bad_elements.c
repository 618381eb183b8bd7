// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

HASH(first, __u32, __u32, 2000000);
HASH(second, __u32, __u32, 2000000);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&first, &key) && bpf_map_lookup_elem(&second, &key) && LENGTH(ctx) ? XDP_DROP
												      : XDP_PASS;
}
