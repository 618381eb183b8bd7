/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program of another project that has the name of one of nicsentry's and as many maps. It passes everything. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define ARRAY(name)                   \
  struct {                            \
    __uint(type, BPF_MAP_TYPE_ARRAY); \
    __uint(max_entries, 1);           \
    __type(key, __u32);               \
    __type(value, __u32);             \
  } name SEC(".maps")

ARRAY(control);
ARRAY(sessions);
ARRAY(counters);
ARRAY(totals);
ARRAY(records);

char _license[] SEC("license") = "GPL";

static __always_inline void count(void* map) {
  __u32 zero = 0, *word = bpf_map_lookup_elem(map, &zero);

  if (word) __sync_fetch_and_add(word, 1);
}

SEC("xdp")
int ddos(struct xdp_md* ctx) {
  (void)ctx;
  count(&control);
  count(&sessions);
  count(&counters);
  count(&totals);
  count(&records);
  return XDP_PASS;
}
