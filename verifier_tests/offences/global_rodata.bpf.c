// SPDX-License-Identifier: GPL-2.0-or-later
// broken: map .rodata: global data
#include "offence.h"

const volatile __u64 limit = 7;

PROGRAM(__sync_fetch_and_add(&v->words[0], limit))
