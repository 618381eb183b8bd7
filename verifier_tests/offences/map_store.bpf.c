// SPDX-License-Identifier: GPL-2.0-or-later
// broken: store to a map's value
#include "offence.h"

PROGRAM(v->words[1] = bpf_get_prandom_u32())
