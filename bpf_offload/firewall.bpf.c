/* SPDX-License-Identifier: GPL-2.0-only */
/* The firewall alone: sessions are counted, by which the host knows which of them live, but their packets are not sent.
 */
#define TRACK_ICMP
#define FIREWALL
#define WITHOUT_CAPTURE
#define PROGRAM firewall
#include "program.h"
