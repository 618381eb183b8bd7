/* SPDX-License-Identifier: GPL-2.0-only */
/* Both analyses in one pass. */
#define TRACK_ICMP
#define PROGRAM sentry
#include "program.h"
