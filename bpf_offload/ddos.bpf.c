/* SPDX-License-Identifier: GPL-2.0-only */
/* Features of single packets, for the detection of attacks. */
#define TRACK_ICMP
#define PROGRAM ddos
#include "program.h"
