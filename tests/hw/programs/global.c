// SPDX-License-Identifier: GPL-2.0-or-later
/* Has a variable, which a card refuses. */
#include "map.h"

__u64 packets;

SEC("xdp")
int counts(struct xdp_md* ctx) {
  __sync_fetch_and_add(&packets, 1);
  return XDP_PASS;
}
