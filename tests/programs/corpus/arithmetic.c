// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct values {
	__u64 v[2];
};

ARRAY(values, struct values, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *v = bpf_map_lookup_elem(&values, &key);
	__u64 a, b;

	if (!v)
		return XDP_PASS;
	a = v[0];
	b = v[1];
	a = a << (b & 63) | a >> (64 - (b & 63));
	a += b * 0 + (a >> 40) - (b << 33);
	a ^= 0x123456789abcdefull;
	a &= ~0xff00ull;
	a |= 0x80000000ull;
	b = (__s64)b >> 3;
	b = (__s64)b >> (a & 31);
	return a > b ? XDP_DROP : (__s64)a < (__s64)b ? XDP_TX : XDP_PASS;
}
