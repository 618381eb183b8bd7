// SPDX-License-Identifier: GPL-2.0-or-later
// broken: atomic operation 1
#include "offence.h"

PROGRAM({
	if (__sync_fetch_and_add(&v->words[0], 1) > 5)
		return XDP_DROP;
})
