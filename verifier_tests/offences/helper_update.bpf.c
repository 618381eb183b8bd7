// SPDX-License-Identifier: GPL-2.0-or-later
// broken: helper 2
#include "offence.h"

PROGRAM({
	__u32 key = 1;
	struct value zero = {};

	bpf_map_update_elem(&values, &key, &zero, BPF_ANY);
})
