// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(lengths, __u64, 16);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 length = LENGTH(ctx);
	__u32 key = 0;
	__u64 *slot;

#pragma unroll
	for (int i = 0; i < 11; i++)
		if (length >> i)
			key = i;
	slot = bpf_map_lookup_elem(&lengths, &key);
	if (slot)
		__sync_fetch_and_add(slot, 1);
	return XDP_PASS;
}
