// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct locked {
	struct bpf_spin_lock lock;
	__u32 word;
};

ARRAY(values, struct locked, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct locked *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return XDP_PASS;
	bpf_spin_lock(&value->lock);
	value->word += LENGTH(ctx);
	bpf_spin_unlock(&value->lock);
	return XDP_PASS;
}
