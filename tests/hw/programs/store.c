// SPDX-License-Identifier: GPL-2.0-or-later
/* Stores into a map, which a card refuses. */
#include "map.h"

COUNTER(packets);

SEC("xdp")
int stores(struct xdp_md* ctx) {
  __u32 key = 0;
  __u64* seen = bpf_map_lookup_elem(&packets, &key);

  if (seen) *seen += 1;
  return XDP_PASS;
}
