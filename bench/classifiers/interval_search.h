// SPDX-License-Identifier: GPL-2.0-or-later
// The walk of bpf_offload/intervals.h, with its lookups counted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "bpf_offload/types.h"

namespace nicsentry::bench {

template <class Count>
std::uint32_t search(const std::vector<interval_node>& nodes, std::uint32_t way, std::uint64_t key, Count& count) {
  while ((way & INTERVAL_LEAF) == 0) {
    ++count;
    const interval_node& node = nodes[way];
    way = node.next[0];
    for (unsigned i = 0; i < NODE_KEYS; ++i) {
      way ^= key >= node.key[i] ? node.next[i + 1] : 0;
    }
  }
  return way & INTERVAL_VALUE;
}

inline unsigned depth(const std::vector<interval_node>& nodes, std::uint32_t way) {
  if ((way & INTERVAL_LEAF) != 0) return 0;
  unsigned deepest = 0;
  std::uint32_t child = 0;
  for (const std::uint32_t next : nodes[way].next) {
    child ^= next;
    deepest = std::max(deepest, depth(nodes, child));
  }
  return deepest + 1;
}

}  // namespace nicsentry::bench
