// SPDX-License-Identifier: GPL-2.0-or-later
/* Longer than a card takes: alone, and behind the analyser. */
#include "map.h"

COUNTER(packets);

int on_packet(struct xdp_md* ctx) {
#pragma unroll
  for (int i = 0; i < 120; ++i) add_one(&packets);
  return XDP_PASS;
}

SEC("xdp")
int is_long(struct xdp_md* ctx) { return on_packet(ctx); }
