/* SPDX-License-Identifier: GPL-2.0-only */
/* The firewall alone. Sessions are counted, so that the host knows which of them are in use; their packets are not
 * sent. */
#define PROGRAM firewall
#define TRACKS_ICMP 1
#define HAS_FIREWALL 1
#define HAS_CAPTURE 0
#include "program.h"
