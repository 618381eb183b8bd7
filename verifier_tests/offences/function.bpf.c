// SPDX-License-Identifier: GPL-2.0-or-later
// broken: store to a map's value
#include "offence.h"

/* In a function that the program calls. */
static __noinline int note(__u32 index)
{
	struct value *v = find_value(index);

	if (v)
		v->words[1] = index;
	return bpf_get_prandom_u32() & 1;
}

PROGRAM({
	if (note(1))
		return XDP_DROP;
})
