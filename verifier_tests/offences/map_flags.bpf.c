// SPDX-License-Identifier: GPL-2.0-or-later
// broken: map extra: flags
#include "offence.h"

EXTRA_MAP(extra, BPF_MAP_TYPE_ARRAY, __u64, 16, __uint(map_flags, BPF_F_MMAPABLE););

PROGRAM({
	__u32 key = 1;

	if (bpf_map_lookup_elem(&extra, &key))
		__sync_fetch_and_add(&v->words[0], 1);
})
