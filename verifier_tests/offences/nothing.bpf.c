// SPDX-License-Identifier: GPL-2.0-or-later
// broken: nothing
#include "offence.h"

PROGRAM({
	__u32 drawn = bpf_get_prandom_u32();

	__sync_fetch_and_add(&v->words[0], 1);
	bpf_perf_event_output(ctx, &records, BPF_F_CURRENT_CPU, &drawn, sizeof(drawn));
})
