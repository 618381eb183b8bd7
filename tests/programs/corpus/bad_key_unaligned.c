// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct mac {
	__u8 bytes[6];
};

HASH(sources, struct mac, __u32, 10);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	struct {
		__u8 pad[2];
		__u8 key[6];
	} on_stack = {};

	on_stack.key[0] = ip->tos;
	return bpf_map_lookup_elem(&sources, on_stack.key) ? XDP_DROP : XDP_PASS;
}
