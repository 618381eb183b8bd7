// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

ARRAY(values, __u64, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u64 local[2] = {ip->saddr, ip->daddr};
	__u32 key = 0;
	__u64 *shared = bpf_map_lookup_elem(&values, &key);
	__u64 *from = &local[1];

	if (!shared)
		return XDP_PASS;
	if (ip->tos)
		from = shared;
	asm volatile("" : "+r"(from));
	return *from & 1 ? XDP_DROP : XDP_PASS;
}
