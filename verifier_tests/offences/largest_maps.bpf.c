// SPDX-License-Identifier: GPL-2.0-or-later
// broken: nothing
#include "offence.h"

EXTRA_MAP(extra, BPF_MAP_TYPE_ARRAY, struct value, 3072000 - 1024, );

PROGRAM({
	__u32 key = 1;

	if (bpf_map_lookup_elem(&extra, &key))
		__sync_fetch_and_add(&v->words[0], 1);
})
