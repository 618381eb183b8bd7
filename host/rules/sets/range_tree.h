// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "bpf_offload/types.h"

namespace nicsentry {

// A range of keys: from `key` up to the key of the next range. `child` is a leaf (INTERVAL_LEAF | value) or a tree over
// the lower half of an IPv6 address (INTERVAL_LOW | node). Ranges are sorted by key, keys are unique, the first is 0.
struct TreeRange {
  std::uint64_t key = 0;
  std::uint32_t child = 0;

  bool operator==(const TreeRange&) const = default;
};

// Builds a multiway range-search tree: appends its nodes and returns its root, which is a child as in TreeRange. The
// root is a leaf or a lower tree if there is only one range. Joins adjacent ranges that have the same child. nodes[0]
// is node `first`. bpf_offload/intervals.h searches the tree.
std::uint32_t build_range_tree(const std::vector<TreeRange>& ranges, std::vector<interval_node>& nodes,
                               std::uint32_t first = 0);

}  // namespace nicsentry
