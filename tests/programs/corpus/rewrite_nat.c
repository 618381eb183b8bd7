// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct nat {
	__be32 address;
	__be32 port;
};

HASH(table, __u32, struct nat, 4096);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;
	__u16 *ports = (void *)ip + ip->ihl * 4;

	if ((void *)(ports + 2) > END(ctx))
		return XDP_PASS;

	struct nat *nat;
	__u32 key = ip->daddr;
	__u32 sum;

	nat = bpf_map_lookup_elem(&table, &key);
	if (!nat)
		return XDP_PASS;
	sum = ~ip->check & 0xffff;
	sum += (~key & 0xffff) + (~key >> 16 & 0xffff);
	sum += (nat->address & 0xffff) + (nat->address >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~sum;
	ip->daddr = nat->address;
	ports[1] = nat->port;
	return XDP_TX;
}
