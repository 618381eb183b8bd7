/* SPDX-License-Identifier: GPL-2.0-only */
/* Features of single packets, for the detection of attacks. */
#define PROGRAM ddos
#define TRACKS_ICMP 1
#define HAS_FIREWALL 0
#define HAS_CAPTURE 1
#include "program.h"
