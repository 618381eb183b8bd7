// SPDX-License-Identifier: GPL-2.0-or-later
#include "corpus.h"

EVENTS(events);

SEC("xdp")
int program(struct xdp_md *ctx)
{
	struct {
		__u8 pad[3];
		__u8 data[5];
	} record = {{1}, {2}};

	record.data[1] = LENGTH(ctx);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, record.data, sizeof(record.data));
	return XDP_PASS;
}
