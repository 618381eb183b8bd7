// SPDX-License-Identifier: GPL-2.0-or-later
/* With a map of the analyser's name. */
#include "map.h"

COUNTER(sessions);

int on_packet(struct xdp_md* ctx) {
  add_one(&sessions);
  return XDP_PASS;
}
