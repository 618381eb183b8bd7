// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/interval_tree.h"

#include <algorithm>

namespace nicsentry {
namespace {

std::vector<Interval> join_neighbours(const std::vector<Interval>& intervals) {
  std::vector<Interval> joined;
  joined.reserve(intervals.size());
  for (const Interval& interval : intervals) {
    if (joined.empty() || joined.back().way != interval.way) {
      joined.push_back(interval);
    }
  }
  return joined;
}

// The children of a node, and as what an upper node sees it: its first child's key.
Interval make_node(const Interval* children, std::size_t count, std::vector<interval_node>& nodes,
                   std::uint32_t first) {
  interval_node node{};
  node.next[0] = children[0].way;
  for (std::size_t i = 1; i < count; ++i) {
    node.key[i - 1] = children[i].key;
    node.next[i] = children[i].way ^ children[i - 1].way;
  }
  for (std::size_t i = count; i <= NODE_KEYS; ++i) {
    node.key[i - 1] = ~std::uint64_t{0};
  }
  nodes.push_back(node);
  return {children[0].key, first + static_cast<std::uint32_t>(nodes.size() - 1)};
}

}  // namespace

std::uint32_t build_interval_tree(const std::vector<Interval>& intervals, std::vector<interval_node>& nodes,
                                  std::uint32_t first) {
  constexpr std::size_t kChildren = NODE_KEYS + 1;
  std::vector<Interval> level = join_neighbours(intervals);
  while (level.size() > 1) {
    const std::size_t count = (level.size() + kChildren - 1) / kChildren;
    std::vector<Interval> above;
    above.reserve(count);
    for (std::size_t i = 0; i < level.size(); i += kChildren) {
      above.push_back(make_node(&level[i], std::min(kChildren, level.size() - i), nodes, first));
    }
    level = std::move(above);
  }
  return level.front().way;
}

std::uint32_t find_interval(const std::vector<interval_node>& nodes, std::uint32_t root, std::uint64_t high,
                            std::uint64_t low, std::uint32_t first) {
  std::uint64_t key = high;
  std::uint32_t way = root;
  while ((way & INTERVAL_LEAF) == 0) {
    if ((way & INTERVAL_LOW) != 0) {
      key = low;
    }
    const interval_node& node = nodes[(way & INTERVAL_VALUE) - first];
    way = node.next[0];
    for (unsigned i = 0; i < NODE_KEYS; ++i) {
      way ^= key >= node.key[i] ? node.next[i + 1] : 0;
    }
  }
  return way & INTERVAL_VALUE;
}

}  // namespace nicsentry
