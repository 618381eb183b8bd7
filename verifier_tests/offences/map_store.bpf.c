// SPDX-License-Identifier: GPL-2.0-only
// broken: store outside the stack
#include "offence.h"

PROGRAM(v->words[1] = bpf_get_prandom_u32())
