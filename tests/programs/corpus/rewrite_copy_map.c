// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct header {
	__u64 words[5];
};

ARRAY(headers, struct header, 1);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct header *header = bpf_map_lookup_elem(&headers, &key);
	void *data = START(ctx);

	if (!header || data + 40 > END(ctx))
		return XDP_PASS;
	__builtin_memcpy(data, header, 40);
	return XDP_TX;
}
