/* SPDX-License-Identifier: GPL-2.0-only */
/* Both analyses and the firewall in one pass. */
#define PROGRAM sentry
#define TRACKS_ICMP 1
#define HAS_FIREWALL 1
#define HAS_CAPTURE 1
#include "program.h"
