// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(locks, __u64, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *lock = bpf_map_lookup_elem(&locks, &key);

	if (!lock)
		return XDP_PASS;
	return __sync_val_compare_and_swap(lock, 0, (__u64)LENGTH(ctx)) ? XDP_DROP : XDP_PASS;
}
