// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct words {
	__u64 words[8];
};

HASH(values, struct words, __u32, 10);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct words key = {{LENGTH(ctx)}};

	return bpf_map_lookup_elem(&values, &key) ? XDP_DROP : XDP_PASS;
}
