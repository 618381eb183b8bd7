/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a packet costs before any program of ours: the measure that packet_cost holds the others against. It has their
 * maps so that it is loaded as they are, and uses none. */
#include "maps.h"

char _license[] SEC("license") = "GPL";

SEC("xdp")
int pass(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_PASS;
}
