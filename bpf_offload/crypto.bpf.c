/* SPDX-License-Identifier: GPL-2.0-only */
/* Metrics of sessions, for the detection of mining. */
#define PROGRAM crypto
#define TRACKS_ICMP 0
#define HAS_FIREWALL 0
#define HAS_CAPTURE 1
#include "program.h"
