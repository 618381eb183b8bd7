// SPDX-License-Identifier: GPL-2.0-or-later
// broken: atomic operation 225
#include "offence.h"

PROGRAM({
	if (__sync_lock_test_and_set(&v->words[0], 1) > 5)
		return XDP_DROP;
})
