// SPDX-License-Identifier: GPL-2.0-or-later
// accepted
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	if (bpf_get_prandom_u32() & 1)
		return XDP_DROP;
	return XDP_PASS;
}
