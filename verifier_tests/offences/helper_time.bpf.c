// SPDX-License-Identifier: GPL-2.0-or-later
// broken: helper 5
#include "offence.h"

PROGRAM(__sync_fetch_and_add(&v->words[0], bpf_ktime_get_ns()))
