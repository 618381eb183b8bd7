// SPDX-License-Identifier: GPL-2.0-or-later
// broken: elements of all maps: 3072001
#include "offence.h"

EXTRA_MAP(extra, BPF_MAP_TYPE_ARRAY, __u64, 3072000 - 1023, );

PROGRAM({
	__u32 key = 1;

	if (bpf_map_lookup_elem(&extra, &key))
		__sync_fetch_and_add(&v->words[0], 1);
})
