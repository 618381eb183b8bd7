// SPDX-License-Identifier: GPL-2.0-or-later
// refused: unsupported function id: 8
#include "../card.h"

SEC("xdp")
int program(struct xdp_md *ctx)
{
	if (bpf_get_smp_processor_id() == 5)
		return XDP_DROP;
	return XDP_PASS;
}
