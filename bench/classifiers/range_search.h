// SPDX-License-Identifier: GPL-2.0-or-later
// The search of bpf_offload/intervals.h, with counted lookups.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "bpf_offload/types.h"

namespace nicsentry::bench {

template <class Count>
std::uint32_t search(const std::vector<interval_node>& nodes, std::uint32_t child, std::uint64_t key, Count& count) {
  while ((child & INTERVAL_LEAF) == 0) {
    ++count;
    const interval_node& node = nodes[child];
    child = node.next[0];
    for (unsigned i = 0; i < NODE_KEYS; ++i) {
      child ^= key >= node.key[i] ? node.next[i + 1] : 0;
    }
  }
  return child & INTERVAL_VALUE;
}

inline unsigned depth(const std::vector<interval_node>& nodes, std::uint32_t root) {
  if ((root & INTERVAL_LEAF) != 0) return 0;
  unsigned deepest = 0;
  std::uint32_t child = 0;
  for (const std::uint32_t next : nodes[root].next) {
    child ^= next;
    deepest = std::max(deepest, depth(nodes, child));
  }
  return deepest + 1;
}

}  // namespace nicsentry::bench
