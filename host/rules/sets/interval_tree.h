// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "bpf_offload/types.h"

namespace nicsentry {

// From `key` on, until the next one's, a tree's answer is `way`: a leaf (INTERVAL_LEAF | value) or a tree over the
// lower half of an IPv6 address (INTERVAL_LOW | node). Sorted by key, without doubles; the first key is 0.
struct Interval {
  std::uint64_t key = 0;
  std::uint32_t way = 0;

  bool operator==(const Interval&) const = default;
};

// Appends the nodes of a search tree over the intervals, and returns its root: a way, which is a leaf (or a lower tree)
// itself when there is one interval only. nodes[0] is node `first`; neighbours with the same way are joined.
std::uint32_t build_interval_tree(const std::vector<Interval>& intervals, std::vector<interval_node>& nodes,
                                  std::uint32_t first = 0);

// What the program finds (for tests and for explaining; the same walk as bpf_offload/intervals.h).
std::uint32_t find_interval(const std::vector<interval_node>& nodes, std::uint32_t root, std::uint64_t high,
                            std::uint64_t low, std::uint32_t first = 0);

}  // namespace nicsentry
