// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "host/rules/compile/match_row.h"
#include "host/rules/sets/interval_tree.h"

namespace nicsentry {

// A bit for each match row: those that a value of a field agrees with.
using Bits = std::vector<std::uint64_t>;

// The rows of rule_bits in the making: equal ones are one, row 0 has all bits.
class RowBits {
 public:
  explicit RowBits(std::size_t bits);

  std::size_t width() const { return width_; }  // words of a row
  Bits all() const { return all_; }
  Bits none() const { return Bits(width_); }
  std::uint32_t find_or_add(const Bits& bits);
  // A row of its own, also where an equal one is there: its content may change.
  std::uint32_t add(const Bits& bits);
  const std::vector<Bits>& rows() const { return rows_; }

 private:
  struct Hash {
    std::size_t operator()(const Bits& bits) const noexcept;
  };

  std::size_t width_;
  Bits all_;
  std::vector<Bits> rows_;
  std::unordered_map<Bits, std::uint32_t, Hash> numbers_;
};

// Where the row of a field changes: from `key` on it is `row`, until the next one's. The first key is 0.
struct RowChange {
  Uint128 key = 0;
  std::uint32_t row = 0;
};

// For each value of a field of which match row i agrees with ranges(i): its row of bits. Keys go up to `last`.
std::vector<RowChange> classify(RowBits& rows, std::size_t count, const std::function<KeyRanges(std::size_t)>& ranges,
                                Uint128 last);

}  // namespace nicsentry
