// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bpf_offload/types.h"
#include "host/rules/sets/address_key.h"
#include "host/rules/sets/address_sets.h"
#include "host/rules/sets/range_map.h"
#include "host/rules/sets/set_classes.h"

namespace nicsentry {

// The tree over a family's blocks: its root, and the nodes that belong to no block.
struct RangeTop {
  std::uint32_t root = INTERVAL_LEAF;
  std::vector<std::uint32_t> nodes;
};

// The host's image of the sets' part of `interval_nodes`. A change writes only nodes that are not reachable: those of
// new blocks and of new tops. Replaced nodes become free when the whole change is in force. So at most half of the
// nodes are in use, and each allowed change finds room.
class RangeNodes {
 public:
  // `in_force` are nodes that a program can reach already. They stay reserved until commit() names them as replaced.
  RangeNodes(std::uint32_t first, std::uint32_t count, const std::vector<std::uint32_t>& in_force = {});

  // Builds all blocks that are not built, and a top. Throws Error if there are too few nodes; the caller then calls
  // roll_back().
  RangeTop build(const RangeMap& map, std::size_t family, const SetClasses& classes,
                 std::vector<SetUpdate::NodeUpdate>& updates);
  // End a change. roll_back() frees its nodes, commit() the nodes that it replaces.
  void roll_back() { reserved_ = 0; }
  void commit(const std::vector<std::uint32_t>& replaced);

  // Throws Error if more than half of the nodes would be in use once `replaced` nodes are free.
  void check(std::size_t replaced) const;

  void append_all(const std::vector<std::uint32_t>& nodes, std::vector<SetUpdate::NodeUpdate>& updates) const;

 private:
  std::vector<std::uint32_t> place(std::size_t count);
  std::uint32_t place_tree(const std::vector<interval_node>& tree, std::uint32_t root,
                           const std::vector<std::uint32_t>* leaves, std::vector<std::uint32_t>& nodes,
                           std::vector<SetUpdate::NodeUpdate>& updates);

  std::uint32_t first_;
  std::vector<interval_node> image_;
  std::vector<std::uint32_t> free_;
  std::size_t reserved_ = 0;  // from the end of free_, by the change in progress
};

}  // namespace nicsentry
