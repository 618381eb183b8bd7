// SPDX-License-Identifier: GPL-2.0-or-later
/* Counts packets. */
#include "map.h"

COUNTER(packets);

SEC("xdp")
int count_packets(struct xdp_md* ctx) {
  add_one(&packets);
  return XDP_PASS;
}
