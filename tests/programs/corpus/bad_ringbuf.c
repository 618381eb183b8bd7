// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

SEC("xdp")
int program(struct xdp_md *ctx)
{
	__u32 length = LENGTH(ctx);

	bpf_ringbuf_output(&ring, &length, sizeof(length), 0);
	return XDP_PASS;
}
