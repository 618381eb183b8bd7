// SPDX-License-Identifier: GPL-2.0-or-later
// broken: atomic operation 241
#include "offence.h"

PROGRAM({
	if (__sync_val_compare_and_swap(&v->words[0], 1, 2) > 5)
		return XDP_DROP;
})
