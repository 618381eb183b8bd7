// SPDX-License-Identifier: GPL-2.0-or-later
// broken: map .data: global data
#include "offence.h"

volatile __u64 limit = 7;

PROGRAM(__sync_fetch_and_add(&v->words[0], limit))
