// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/range_tree.h"

#include <algorithm>

namespace nicsentry {
namespace {

std::vector<TreeRange> join_neighbours(const std::vector<TreeRange>& ranges) {
  std::vector<TreeRange> joined;
  joined.reserve(ranges.size());
  for (const TreeRange& range : ranges) {
    if (joined.empty() || joined.back().child != range.child) {
      joined.push_back(range);
    }
  }
  return joined;
}

// Appends a node with these children. Returns its range in the level above: it starts at the first child's key.
TreeRange make_node(const TreeRange* children, std::size_t count, std::vector<interval_node>& nodes,
                    std::uint32_t first) {
  interval_node node{};
  node.next[0] = children[0].child;
  for (std::size_t i = 1; i < count; ++i) {
    node.key[i - 1] = children[i].key;
    node.next[i] = children[i].child ^ children[i - 1].child;
  }
  for (std::size_t i = count; i <= NODE_KEYS; ++i) {
    node.key[i - 1] = ~std::uint64_t{0};
  }
  nodes.push_back(node);
  return {children[0].key, first + static_cast<std::uint32_t>(nodes.size() - 1)};
}

}  // namespace

std::uint32_t build_range_tree(const std::vector<TreeRange>& ranges, std::vector<interval_node>& nodes,
                               std::uint32_t first) {
  constexpr std::size_t kChildren = NODE_KEYS + 1;
  std::vector<TreeRange> level = join_neighbours(ranges);
  while (level.size() > 1) {
    const std::size_t count = (level.size() + kChildren - 1) / kChildren;
    std::vector<TreeRange> above;
    above.reserve(count);
    for (std::size_t i = 0; i < level.size(); i += kChildren) {
      above.push_back(make_node(&level[i], std::min(kChildren, level.size() - i), nodes, first));
    }
    level = std::move(above);
  }
  return level.front().child;
}

}  // namespace nicsentry
