// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "host/rules/compile/match_row.h"
#include "host/rules/sets/range_tree.h"

namespace nicsentry {

// Has one bit for each match row: 1 where the row accepts the value of a field.
using BitVector = std::vector<std::uint64_t>;

// Collects the vectors of rule_bits, as in "bit vectors" (Lakshman and Stiliadis, 1998). Equal vectors are stored once.
// Vector 0 has all bits.
class BitVectors {
 public:
  explicit BitVectors(std::size_t bits);

  std::size_t width() const { return width_; }  // words of a vector
  BitVector all() const { return all_; }
  BitVector none() const { return BitVector(width_); }
  std::uint32_t find_or_add(const BitVector& bits);
  // Adds a vector even if an equal one exists, because its content may change later.
  std::uint32_t add(const BitVector& bits);
  const std::vector<BitVector>& vectors() const { return vectors_; }

 private:
  struct Hash {
    std::size_t operator()(const BitVector& bits) const noexcept;
  };

  std::size_t width_;
  BitVector all_;
  std::vector<BitVector> vectors_;
  std::unordered_map<BitVector, std::uint32_t, Hash> numbers_;
};

// From `key` up to the key of the next change, a field's values have vector `vector`. The first key is 0.
struct VectorChange {
  Uint128 key = 0;
  std::uint32_t vector = 0;
};

// Returns the bit vectors of all values of a field. Match row i accepts ranges(i). Keys go up to `last`.
std::vector<VectorChange> classify(BitVectors& vectors, std::size_t count,
                                   const std::function<KeyRanges(std::size_t)>& ranges, Uint128 last);

}  // namespace nicsentry
