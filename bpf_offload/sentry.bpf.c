/* SPDX-License-Identifier: GPL-2.0-only */
/* Both analyses and the firewall in one pass. */
#define TRACK_ICMP
#define FIREWALL
#define PROGRAM sentry
#include "program.h"
