// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/compile/bit_vectors.h"

#include <algorithm>

namespace nicsentry {
namespace {

void flip(BitVector& bits, std::size_t number) { bits[number / 64] ^= std::uint64_t{1} << number % 64; }

}  // namespace

BitVectors::BitVectors(std::size_t bits) : width_((bits + 63) / 64), all_(width_, ~std::uint64_t{0}) {
  if (bits % 64 != 0) {
    all_.back() = (std::uint64_t{1} << bits % 64) - 1;
  }
  find_or_add(all_);
}

std::size_t BitVectors::Hash::operator()(const BitVector& bits) const noexcept {
  std::uint64_t hash = bits.size();
  for (const std::uint64_t word : bits) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 32U;
  }
  return hash;
}

std::uint32_t BitVectors::find_or_add(const BitVector& bits) {
  const auto [found, is_new] = numbers_.try_emplace(bits, static_cast<std::uint32_t>(vectors_.size()));
  if (is_new) {
    vectors_.push_back(bits);
  }
  return found->second;
}

std::uint32_t BitVectors::add(const BitVector& bits) {
  vectors_.push_back(bits);
  return static_cast<std::uint32_t>(vectors_.size() - 1);
}

std::vector<VectorChange> classify(BitVectors& vectors, std::size_t count,
                                   const std::function<KeyRanges(std::size_t)>& ranges, Uint128 last) {
  struct Edge {
    Uint128 key;
    std::size_t row;
  };
  std::vector<Edge> edges;
  BitVector bits = vectors.none();
  for (std::size_t row = 0; row < count; ++row) {
    for (const KeyRange& range : ranges(row)) {
      if (range.first == 0) {
        flip(bits, row);
      } else {
        edges.push_back({range.first, row});
      }
      if (range.last < last) {
        edges.push_back({range.last + 1, row});
      }
    }
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.key < b.key; });
  std::vector<VectorChange> changes{{0, vectors.find_or_add(bits)}};
  for (std::size_t i = 0; i < edges.size();) {
    const Uint128 key = edges[i].key;
    for (; i < edges.size() && edges[i].key == key; ++i) {
      flip(bits, edges[i].row);
    }
    const std::uint32_t vector = vectors.find_or_add(bits);
    if (vector != changes.back().vector) {
      changes.push_back({key, vector});
    }
  }
  return changes;
}

}  // namespace nicsentry
