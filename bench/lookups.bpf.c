/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures the cost of one lookup in the kernel. Each element holds the key of the next one. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define LOOKUPS 64

struct element {
  __u32 next;
  __u32 rest[13];
};

struct hash_key {
  __u32 words[3]; /* as long as a merged tuple's key: two addresses, two ports */
};

/* Where the last run ended. Written and read by the programs. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, __u32);
  __type(value, __u32);
  __uint(max_entries, 1);
} place SEC(".maps");

/* The host writes both maps and sets their sizes; the programs read them. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, __u32);
  __type(value, struct element);
  __uint(max_entries, 1);
} elements SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, struct hash_key);
  __type(value, struct element);
  __uint(max_entries, 1);
} hashed SEC(".maps");

char _license[] SEC("license") = "GPL";

SEC("xdp")
int none(struct xdp_md* ctx) {
  __u32 zero = 0, *at = bpf_map_lookup_elem(&place, &zero);

  (void)ctx;
  if (at) *at ^= 1;
  return XDP_PASS;
}

SEC("xdp")
int array_lookups(struct xdp_md* ctx) {
  __u32 zero = 0, index, *at = bpf_map_lookup_elem(&place, &zero);
  int i;

  (void)ctx;
  if (!at) return XDP_DROP;
  index = *at;
#pragma clang loop unroll(disable)
  for (i = 0; i < LOOKUPS; i++) {
    struct element* e = bpf_map_lookup_elem(&elements, &index);

    if (!e) return XDP_DROP;
    index = e->next;
  }
  *at = index;
  return XDP_PASS;
}

SEC("xdp")
int hash_lookups(struct xdp_md* ctx) {
  __u32 zero = 0, *at = bpf_map_lookup_elem(&place, &zero);
  struct hash_key key = {};
  int i;

  (void)ctx;
  if (!at) return XDP_DROP;
  key.words[0] = *at;
#pragma clang loop unroll(disable)
  for (i = 0; i < LOOKUPS; i++) {
    struct element* e = bpf_map_lookup_elem(&hashed, &key);

    if (!e) return XDP_DROP;
    key.words[0] = e->next;
  }
  *at = key.words[0];
  return XDP_PASS;
}
