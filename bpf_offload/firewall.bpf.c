/* SPDX-License-Identifier: GPL-2.0-only */
/* The firewall alone: sessions are looked up for their states, but not counted. */
#define TRACK_ICMP
#define FIREWALL
#define WITHOUT_ANALYSIS
#define PROGRAM firewall
#include "program.h"
