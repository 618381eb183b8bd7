// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct values {
	__u32 v[2];
};

ARRAY(values, struct values, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u32 *v = bpf_map_lookup_elem(&values, &key);
	__u32 a, b;

	if (!v)
		return XDP_PASS;
	a = v[0];
	b = v[1];
	a = a << (b & 31) | a >> (32 - (b & 31));
	a = -a + 0x12345;
	b = (__s32)b >> 5;
	b = (__s32)b >> (a & 15);
	a &= 0xfff0fff;
	b ^= 0x80000001;
	return a > b ? XDP_DROP : (__s32)a < -7 ? XDP_TX : XDP_PASS;
}
