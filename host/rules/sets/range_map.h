// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "bpf_offload/types.h"
#include "host/rules/sets/address_key.h"
#include "host/rules/sets/set_mask.h"

namespace nicsentry {

// How many ranges of each set cover an address.
struct Cover {
  SetMask mask = 0;  // sets with at least one range
  std::vector<std::pair<std::uint32_t, std::int64_t>>
      more;  // set and count, for sets with more than one range; sorted by set

  bool operator==(const Cover&) const = default;
  void change(std::uint32_t set, std::int64_t by);
};

// The cover of all addresses from `key` up to the next boundary.
struct CoverBoundary {
  AddressKey key;
  Cover cover;
};

// From `key` on, `by` more ranges of a set cover the addresses.
struct CoverEvent {
  AddressKey key;
  std::uint32_t set = 0;
  std::int64_t by = 0;
};

// Consecutive boundaries, and the tree over them in interval_nodes. All versions of a map that contain the block share
// it. It does not change once it is built. The lower half of the first boundary is 0: a block holds whole higher
// halves.
struct RangeBlock {
  std::vector<CoverBoundary> boundaries;
  bool built = false;
  std::uint32_t root = INTERVAL_LEAF;
  std::vector<std::uint32_t> nodes;
};

// Maps each address of one family to the sets whose ranges cover it. The whole address space is cut into blocks. A
// change makes a new version, which shares all unchanged blocks.
class RangeMap {
 public:
  using Blocks = std::vector<std::shared_ptr<RangeBlock>>;

  RangeMap();

  // Returns the map after these events, which are in order of their keys.
  RangeMap changed(std::span<const CoverEvent> events) const;
  // Returns the same map with blocks of its own that are not built yet.
  RangeMap unbuilt() const;
  SetMask mask_at(const AddressKey& key) const;
  const Blocks& blocks() const { return blocks_; }

 private:
  explicit RangeMap(Blocks blocks) : blocks_(std::move(blocks)) {}

  Blocks blocks_;
};

}  // namespace nicsentry
