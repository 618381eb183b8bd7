// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

HASH(times, __u32, __u64, 100);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u32 key = ip->saddr;
	__u64 *last = bpf_map_lookup_elem(&times, &key);

	return last && bpf_ktime_get_ns() - *last < 1000000 ? XDP_DROP : XDP_PASS;
}
