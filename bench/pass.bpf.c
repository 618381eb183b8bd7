/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cost of a packet without our programs, which packet_cost compares with. It has the
 * name and the maps of `crypto`, so that it is loaded like our programs, but uses none of them. */
#define PROGRAM crypto
#define TRACKS_ICMP 0
#define HAS_FIREWALL 0
#define HAS_CAPTURE 0
#include "maps.h"

char _license[] SEC("license") = "GPL";

SEC("xdp")
int crypto(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_PASS;
}
