/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define COUNTER(name)                 \
  struct {                            \
    __uint(type, BPF_MAP_TYPE_ARRAY); \
    __uint(max_entries, 1);           \
    __type(key, __u32);               \
    __type(value, __u64);             \
  } name SEC(".maps")

static __always_inline void add_one(void* map) {
  __u32 key = 0;
  __u64* seen = bpf_map_lookup_elem(map, &key);

  if (seen) __sync_fetch_and_add(seen, 1);
}

char _license[] SEC("license") = "GPL";
