// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/range_nodes.h"

#include <string>

#include "host/base/error.h"
#include "host/rules/sets/interval_tree.h"

namespace nicsentry {
namespace {

std::uint32_t leaf(const Cover& cover, const SetClasses& classes) { return INTERVAL_LEAF | classes.word(cover.mask); }

// The way of one higher half out of boundaries [from, to) within it: a tree over the lower half where one is needed.
std::uint32_t lower_way(const std::vector<CoverBoundary>& boundaries, std::size_t from, std::size_t to,
                        const SetClasses& classes, std::vector<interval_node>& tree) {
  std::vector<Interval> intervals;
  if (boundaries[from].key.low != 0) {
    intervals.push_back({0, leaf(boundaries[from - 1].cover, classes)});
  }
  for (std::size_t i = from; i < to; ++i) {
    intervals.push_back({boundaries[i].key.low, leaf(boundaries[i].cover, classes)});
  }
  const std::uint32_t way = build_interval_tree(intervals, tree);
  return (way & INTERVAL_LEAF) != 0 ? way : INTERVAL_LOW | way;
}

// `end`: where the next block begins, unless this one is the last.
std::uint32_t build_block(const std::vector<CoverBoundary>& boundaries, const AddressKey* end,
                          const SetClasses& classes, std::vector<interval_node>& tree) {
  std::vector<Interval> intervals;
  intervals.reserve(boundaries.size());
  for (std::size_t i = 0; i < boundaries.size();) {
    const std::uint64_t high = boundaries[i].key.high;
    std::size_t next = i + 1;
    while (next < boundaries.size() && boundaries[next].key.high == high) ++next;
    if (next == i + 1 && boundaries[i].key.low == 0) {
      intervals.push_back({high, leaf(boundaries[i].cover, classes)});
    } else {
      intervals.push_back({high, lower_way(boundaries, i, next, classes, tree)});
      const bool last = next == boundaries.size();
      const bool ends = last && (end != nullptr ? end->high == high + 1 : high + 1 == 0);
      if (!ends && (last || boundaries[next].key.high != high + 1)) {
        intervals.push_back({high + 1, leaf(boundaries[next - 1].cover, classes)});
      }
    }
    i = next;
  }
  return build_interval_tree(intervals, tree);
}

}  // namespace

RangeNodes::RangeNodes(std::uint32_t first, std::uint32_t count, const std::vector<std::uint32_t>& in_force)
    : first_(first), image_(count) {
  if (count > INTERVAL_VALUE || first > INTERVAL_VALUE - count) {
    throw Error("nodes of address sets at " + std::to_string(first) + " to " +
                std::to_string(std::uint64_t{first} + count) + ": at most " + std::to_string(INTERVAL_VALUE) +
                " can be addressed");
  }
  std::vector<bool> taken(count);
  for (const std::uint32_t node : in_force) {
    taken.at(node - first) = true;
  }
  free_.reserve(count);
  for (std::uint32_t i = count; i-- > 0;) {
    if (!taken[i]) {
      free_.push_back(first + i);
    }
  }
}

RangeTop RangeNodes::build(const RangeMap& map, const SetClasses& classes,
                           std::vector<SetUpdate::NodeUpdate>& updates) {
  const auto& blocks = map.blocks();
  std::vector<Interval> tops;
  std::vector<std::uint32_t> roots;
  std::vector<interval_node> tree;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    RangeBlock& block = *blocks[i];
    if (!block.built) {
      const AddressKey* end = i + 1 < blocks.size() ? &blocks[i + 1]->boundaries.front().key : nullptr;
      tree.clear();
      const std::uint32_t root = build_block(block.boundaries, end, classes, tree);
      block.root = settle_tree(tree, root, nullptr, block.nodes, updates);
      block.built = true;
    }
    // A leaf's value is the block's number here, so that none are joined.
    tops.push_back({block.boundaries.front().key.high, static_cast<std::uint32_t>(INTERVAL_LEAF | i)});
    roots.push_back(block.root);
  }
  tree.clear();
  RangeTop top;
  const std::uint32_t root = build_interval_tree(tops, tree);
  top.root = settle_tree(tree, root, &roots, top.nodes, updates);
  return top;
}

void RangeNodes::settle(const std::vector<std::uint32_t>& replaced) {
  free_.resize(free_.size() - taken_);
  taken_ = 0;
  free_.insert(free_.end(), replaced.begin(), replaced.end());
}

void RangeNodes::check(std::size_t replaced) const {
  const std::size_t used = image_.size() - free_.size() + taken_ - replaced;
  if (used > image_.size() / 2) {
    throw Conflict("address sets: prefixes and ranges of sets need " + std::to_string(used) +
                   " nodes; half of the room for them, " + std::to_string(image_.size() / 2) + ", is allowed");
  }
}

void RangeNodes::append_all(const std::vector<std::uint32_t>& nodes,
                            std::vector<SetUpdate::NodeUpdate>& updates) const {
  for (const std::uint32_t node : nodes) {
    updates.push_back({node, image_[node - first_]});
  }
}

std::vector<std::uint32_t> RangeNodes::place(std::size_t count) {
  if (count > free_.size() - taken_) {
    throw Conflict("address sets: prefixes and ranges of sets need more than the " + std::to_string(image_.size()) +
                   " nodes there are; half of them is allowed");
  }
  std::vector<std::uint32_t> nodes;
  nodes.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    nodes.push_back(free_[free_.size() - ++taken_]);
  }
  return nodes;
}

// Gives the nodes of a tree their places. Leaves are looked up in `leaves`, if any.
std::uint32_t RangeNodes::settle_tree(const std::vector<interval_node>& tree, std::uint32_t root,
                                      const std::vector<std::uint32_t>* leaves, std::vector<std::uint32_t>& nodes,
                                      std::vector<SetUpdate::NodeUpdate>& updates) {
  nodes = place(tree.size());
  const auto placed = [&](std::uint32_t way) {
    if ((way & INTERVAL_LEAF) != 0) return leaves != nullptr ? (*leaves)[way & INTERVAL_VALUE] : way;
    return (way & INTERVAL_LOW) | nodes[way & INTERVAL_VALUE];
  };
  for (std::size_t i = 0; i < tree.size(); ++i) {
    interval_node node = tree[i];
    std::uint32_t way = node.next[0];
    node.next[0] = placed(way);
    for (unsigned n = 1; n <= NODE_KEYS && tree[i].next[n] != 0; ++n) {
      const std::uint32_t next = way ^ tree[i].next[n];
      node.next[n] = placed(way) ^ placed(next);
      way = next;
    }
    image_[nodes[i] - first_] = node;
    updates.push_back({nodes[i], node});
  }
  return placed(root);
}

}  // namespace nicsentry
