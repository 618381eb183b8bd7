// SPDX-License-Identifier: GPL-2.0-only
// broken: call of a function
#include "offence.h"

static __noinline int add(struct value *v)
{
	__sync_fetch_and_add(&v->words[0], 1);
	return bpf_get_prandom_u32() & 1;
}

PROGRAM({
	if (add(v))
		return XDP_DROP;
})
