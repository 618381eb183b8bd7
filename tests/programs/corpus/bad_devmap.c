// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

MAP(ports, BPF_MAP_TYPE_DEVMAP, __u32, __u32, 4);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	return bpf_redirect_map(&ports, LENGTH(ctx) & 3, XDP_PASS);
}
