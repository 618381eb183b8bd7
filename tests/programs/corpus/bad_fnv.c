// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u64 hash = 14695981039346656037ull;
	__u8 *bytes = (void *)&ip->saddr;

#pragma unroll
	for (int i = 0; i < 8; i++) {
		hash ^= bytes[i];
		hash *= 1099511628211ull;
	}
	return hash & 1 ? XDP_DROP : XDP_PASS;
}
