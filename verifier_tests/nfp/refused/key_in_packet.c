// SPDX-License-Identifier: GPL-2.0-or-later
// refused: map_lookup: unsupported ptr type 8
#include "../card.h"

ARRAY_MAP(values, __u64, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 *packet = PACKET(ctx, __u32);

	if (packet && bpf_map_lookup_elem(&values, packet))
		return XDP_DROP;
	return XDP_PASS;
}
