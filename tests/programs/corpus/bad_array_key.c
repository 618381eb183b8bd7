// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

MAP(values, BPF_MAP_TYPE_ARRAY, __u64, __u32, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u64 key = 0;

	return bpf_map_lookup_elem(&values, &key) && LENGTH(ctx) ? XDP_PASS : XDP_DROP;
}
