// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(lengths, __u32, 8);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 length = LENGTH(ctx);
	__u32 key = length < 64 ? 0 : length < 128 ? 1 : length < 256 ? 2 : length < 512 ? 3 : length < 1024 ? 4 : 5;
	__u32 *slot = bpf_map_lookup_elem(&lengths, &key);

	if (slot)
		__sync_fetch_and_add(slot, 1);
	return XDP_PASS;
}
