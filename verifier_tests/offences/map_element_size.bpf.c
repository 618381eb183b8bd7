// SPDX-License-Identifier: GPL-2.0-or-later
// broken: map extra: element size
#include "offence.h"

struct large {
	__u8 bytes[57];
};

EXTRA_MAP(extra, BPF_MAP_TYPE_ARRAY, struct large, 16, );

PROGRAM({
	__u32 key = 1;

	if (bpf_map_lookup_elem(&extra, &key))
		__sync_fetch_and_add(&v->words[0], 1);
})
