// SPDX-License-Identifier: GPL-2.0-or-later
/* Counts packets and bytes, by the length. */
#include "map.h"

struct row {
  __u64 packets;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, struct row);
} rows SEC(".maps");

SEC("xdp")
int counts_rows(struct xdp_md* ctx) {
  __u32 bytes = (__u32)((void*)(long)ctx->data_end - (void*)(long)ctx->data);
  __u32 key = bytes & 7;
  struct row* row = bpf_map_lookup_elem(&rows, &key);

  if (!row) return XDP_PASS;
  __sync_fetch_and_add(&row->packets, 1);
  __sync_fetch_and_add(&row->bytes, bytes);
  return XDP_PASS;
}
