// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct words {
	__u64 words[8];
};

ARRAY(values, struct words, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *words = bpf_map_lookup_elem(&values, &key);

	if (words)
		__sync_fetch_and_add(words, LENGTH(ctx));
	return XDP_PASS;
}
