// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;

	__u8 *option = (void *)(ip + 1);

	if (ip->ihl <= 5)
		return XDP_PASS;
	for (int i = 0; i < 10; i++) {
		if ((void *)(option + 1) > END(ctx))
			return XDP_DROP;
		if (*option == 0)
			return XDP_PASS;
		if (*option == 131 || *option == 137)
			return XDP_DROP;
		option++;
	}
	return XDP_PASS;
}
