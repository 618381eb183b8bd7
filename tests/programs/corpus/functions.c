// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(values, __u32, 8);

static __attribute__((noinline)) __u32 mix(__u32 a, __u32 b)
{
	a ^= a << 13;
	a += b;
	a ^= a >> 7;
	return a;
}

static __attribute__((noinline)) __u32 *find(__u32 key)
{
	__u32 other = key ^ 1;

	return bpf_map_lookup_elem(&values, &other);
}

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = mix(LENGTH(ctx), 11) & 7;
	__u32 *value = find(key);

	if (value)
		__sync_fetch_and_add(value, mix(key, 3) & 0xff);
	return XDP_PASS;
}
