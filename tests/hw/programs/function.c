// SPDX-License-Identifier: GPL-2.0-or-later
/* Counts packets behind the analyser. */
#include "map.h"

COUNTER(packets);

int on_packet(struct xdp_md* ctx) {
  add_one(&packets);
  return XDP_PASS;
}
