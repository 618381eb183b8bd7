// SPDX-License-Identifier: GPL-2.0-or-later
// broken: map .bss: global data
#include "offence.h"

volatile __u64 seen;

PROGRAM(__sync_fetch_and_add(&v->words[0], seen))
