// SPDX-License-Identifier: GPL-2.0-or-later
// broken: atomic operation 160
#include "offence.h"

PROGRAM(__sync_fetch_and_xor(&v->words[0], 1))
