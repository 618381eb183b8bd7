// SPDX-License-Identifier: GPL-2.0-or-later
// refused: atomic op not implemented: 64
//
// LLVM compiles it to an OR.
#include "../card.h"

ARRAY_MAP(values, __u64, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return XDP_PASS;
	__sync_fetch_and_add(value, 0);
	return XDP_PASS;
}
