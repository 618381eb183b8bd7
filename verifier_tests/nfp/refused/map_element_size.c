// SPDX-License-Identifier: GPL-2.0-or-later
// refused: map elements too large: 72, FW max element size (key+value): 64
#include "../card.h"

struct large {
	__u64 words[8];
};
ARRAY_MAP(values, struct large, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct large *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return XDP_PASS;
	__sync_fetch_and_add(&value->words[0], 1);
	return XDP_PASS;
}
