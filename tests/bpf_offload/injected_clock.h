/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Included before a program of a test build: its limits read the time from a map. */
#ifndef NICSENTRY_INJECTED_CLOCK_H
#define NICSENTRY_INJECTED_CLOCK_H

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h> /* needs the types */

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} injected_clock SEC(".maps");

static __always_inline __u64 injected_time(void) {
  __u32 zero = 0;
  const __u64* time = bpf_map_lookup_elem(&injected_clock, &zero);

  return time ? *time : 0;
}

#define LIMIT_CLOCK() injected_time()

#endif
