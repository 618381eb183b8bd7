// SPDX-License-Identifier: GPL-2.0-or-later
// broken: atomic operation 80
#include "offence.h"

PROGRAM(__sync_fetch_and_and(&v->words[0], 1))
