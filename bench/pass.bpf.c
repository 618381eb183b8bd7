/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a packet costs before any program of ours: the measure that packet_cost holds the others against. It has the
 * name and the maps of `crypto` so that it is loaded in the same way, and uses none of them. */
#include "maps.h"

char _license[] SEC("license") = "GPL";

SEC("xdp")
int crypto(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_PASS;
}
