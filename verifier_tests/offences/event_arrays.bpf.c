// SPDX-License-Identifier: GPL-2.0-or-later
// broken: event arrays: 2
#include "offence.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} more_records SEC(".maps");

PROGRAM({
	__u32 word = 1;

	__sync_fetch_and_add(&v->words[0], 1);
	bpf_perf_event_output(ctx, &more_records, BPF_F_CURRENT_CPU, &word, sizeof(word));
})
