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
  SetMask mask = 0;                                          // of the sets with at least one
  std::vector<std::pair<std::uint32_t, std::int64_t>> more;  // set and count of those with more than one, by set

  bool operator==(const Cover&) const = default;
  void change(std::uint32_t set, std::int64_t by);
};

// From `key` on, until the next one.
struct CoverBoundary {
  AddressKey key;
  Cover cover;
};

// From `key` on, so many ranges of a set more or less.
struct CoverEvent {
  AddressKey key;
  std::uint32_t set = 0;
  std::int64_t by = 0;
};

// Boundaries that stand in a row, and the tree over them among interval_nodes. Belongs to all versions of a map that
// have it, and does not change once it is built. The first boundary's lower half is 0: a block holds whole higher
// halves.
struct RangeBlock {
  std::vector<CoverBoundary> boundaries;
  bool built = false;
  std::uint32_t root = INTERVAL_LEAF;
  std::vector<std::uint32_t> nodes;
};

// Which sets' ranges an address of one family is in: the whole space of addresses in blocks. A change makes a new
// version, which shares the blocks that are the same.
class RangeMap {
 public:
  using Blocks = std::vector<std::shared_ptr<RangeBlock>>;

  RangeMap();

  // The events in order of their keys.
  RangeMap changed(std::span<const CoverEvent> events) const;
  // The same, with blocks of its own that are to be built.
  RangeMap unbuilt() const;
  SetMask mask_at(const AddressKey& key) const;
  const Blocks& blocks() const { return blocks_; }

 private:
  explicit RangeMap(Blocks blocks) : blocks_(std::move(blocks)) {}

  Blocks blocks_;
};

}  // namespace nicsentry
