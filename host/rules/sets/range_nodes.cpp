// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/range_nodes.h"

#include <string>

#include "host/base/error.h"
#include "host/rules/sets/range_tree.h"

namespace nicsentry {
namespace {

std::uint32_t leaf(const Cover& cover, const SetClasses& classes) { return INTERVAL_LEAF | classes.word(cover.mask); }

// Returns the child for one higher half, which has the boundaries [from, to). It is a tree over the lower half if there
// are several.
std::uint32_t lower_child(const std::vector<CoverBoundary>& boundaries, std::size_t from, std::size_t to,
                          const SetClasses& classes, std::vector<interval_node>& tree) {
  std::vector<TreeRange> ranges;
  if (boundaries[from].key.low != 0) {
    ranges.push_back({0, leaf(boundaries[from - 1].cover, classes)});
  }
  for (std::size_t i = from; i < to; ++i) {
    ranges.push_back({boundaries[i].key.low, leaf(boundaries[i].cover, classes)});
  }
  const std::uint32_t child = build_range_tree(ranges, tree);
  return (child & INTERVAL_LEAF) != 0 ? child : INTERVAL_LOW | child;
}

// `end` is the start of the next block; nullptr for the last block.
std::uint32_t build_block(const std::vector<CoverBoundary>& boundaries, const AddressKey* end,
                          const SetClasses& classes, std::vector<interval_node>& tree) {
  std::vector<TreeRange> ranges;
  ranges.reserve(boundaries.size());
  for (std::size_t i = 0; i < boundaries.size();) {
    const std::uint64_t high = boundaries[i].key.high;
    std::size_t next = i + 1;
    while (next < boundaries.size() && boundaries[next].key.high == high) ++next;
    if (next == i + 1 && boundaries[i].key.low == 0) {
      ranges.push_back({high, leaf(boundaries[i].cover, classes)});
    } else {
      ranges.push_back({high, lower_child(boundaries, i, next, classes, tree)});
      const bool last = next == boundaries.size();
      const bool ends = last && (end != nullptr ? end->high == high + 1 : high + 1 == 0);
      if (!ends && (last || boundaries[next].key.high != high + 1)) {
        ranges.push_back({high + 1, leaf(boundaries[next - 1].cover, classes)});
      }
    }
    i = next;
  }
  return build_range_tree(ranges, tree);
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

RangeTop RangeNodes::build(const RangeMap& map, std::size_t family, const SetClasses& classes,
                           std::vector<SetUpdate::NodeUpdate>& updates) {
  const auto& blocks = map.blocks();
  std::vector<TreeRange> tops;
  std::vector<std::uint32_t> roots;
  std::vector<interval_node> tree;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    RangeBlock& block = *blocks[i];
    if (!block.built) {
      const AddressKey* end = i + 1 < blocks.size() ? &blocks[i + 1]->boundaries.front().key : nullptr;
      tree.clear();
      const std::uint32_t root = build_block(block.boundaries, end, classes, tree);
      block.root = place_tree(tree, root, nullptr, block.nodes, updates);
      block.built = true;
    }
    // The leaf has the block's number, so that the tree does not join equal blocks.
    tops.push_back({block.boundaries.front().key.high, static_cast<std::uint32_t>(INTERVAL_LEAF | i)});
    roots.push_back(block.root);
  }
  tree.clear();
  RangeTop top;
  const std::uint32_t root = build_range_tree(tops, tree);
  top.root = place_tree(tree, root, &roots, top.nodes, updates);
  if (family == kIpv4 && (top.root & INTERVAL_LEAF) == 0) {
    top.root |= INTERVAL_LOW;  // the programs have an IPv4 address in the lower half
  }
  return top;
}

void RangeNodes::commit(const std::vector<std::uint32_t>& replaced) {
  free_.resize(free_.size() - reserved_);
  reserved_ = 0;
  free_.insert(free_.end(), replaced.begin(), replaced.end());
}

void RangeNodes::check(std::size_t replaced) const {
  const std::size_t used = image_.size() - free_.size() + reserved_ - replaced;
  if (used > image_.size() / 2) {
    throw Conflict("address sets: prefixes and ranges of sets need " + std::to_string(used) + " nodes; at most " +
                   std::to_string(image_.size() / 2) + " are allowed, half of the room for them");
  }
}

void RangeNodes::append_all(const std::vector<std::uint32_t>& nodes,
                            std::vector<SetUpdate::NodeUpdate>& updates) const {
  for (const std::uint32_t node : nodes) {
    updates.push_back({node, image_[node - first_]});
  }
}

std::vector<std::uint32_t> RangeNodes::place(std::size_t count) {
  if (count > free_.size() - reserved_) {
    throw Conflict("address sets: prefixes and ranges of sets need more than the " + std::to_string(image_.size()) +
                   " nodes that exist; half of them may be used");
  }
  std::vector<std::uint32_t> nodes;
  nodes.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    nodes.push_back(free_[free_.size() - ++reserved_]);
  }
  return nodes;
}

// Assigns nodes to a tree. If `leaves` is not nullptr, the leaves' values are indexes into it.
std::uint32_t RangeNodes::place_tree(const std::vector<interval_node>& tree, std::uint32_t root,
                                     const std::vector<std::uint32_t>* leaves, std::vector<std::uint32_t>& nodes,
                                     std::vector<SetUpdate::NodeUpdate>& updates) {
  nodes = place(tree.size());
  const auto placed = [&](std::uint32_t child) {
    if ((child & INTERVAL_LEAF) != 0) return leaves != nullptr ? (*leaves)[child & INTERVAL_VALUE] : child;
    return (child & INTERVAL_LOW) | nodes[child & INTERVAL_VALUE];
  };
  for (std::size_t i = 0; i < tree.size(); ++i) {
    interval_node node = tree[i];
    std::uint32_t child = node.next[0];
    node.next[0] = placed(child);
    for (unsigned n = 1; n <= NODE_KEYS && tree[i].next[n] != 0; ++n) {
      const std::uint32_t next = child ^ tree[i].next[n];
      node.next[n] = placed(child) ^ placed(next);
      child = next;
    }
    image_[nodes[i] - first_] = node;
    updates.push_back({nodes[i], node});
  }
  return placed(root);
}

}  // namespace nicsentry
