// SPDX-License-Identifier: GPL-2.0-or-later
// broken: atomic operation 64
#include "offence.h"

PROGRAM(__sync_fetch_and_or(&v->words[0], 1))
