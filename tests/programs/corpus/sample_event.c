// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

struct record {
	__u32 length;
	__u32 kind;
};

EVENTS(events);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct record record = {LENGTH(ctx), 7};

	if (bpf_get_prandom_u32() & 1023)
		return XDP_PASS;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &record, sizeof(record));
	return XDP_PASS;
}
