// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/compile/row_bits.h"

#include <algorithm>

namespace nicsentry {
namespace {

void flip(Bits& bits, std::size_t number) { bits[number / 64] ^= std::uint64_t{1} << number % 64; }

}  // namespace

RowBits::RowBits(std::size_t bits) : width_((bits + 63) / 64), all_(width_, ~std::uint64_t{0}) {
  if (bits % 64 != 0) {
    all_.back() = (std::uint64_t{1} << bits % 64) - 1;
  }
  find_or_add(all_);
}

std::size_t RowBits::Hash::operator()(const Bits& bits) const noexcept {
  std::uint64_t hash = bits.size();
  for (const std::uint64_t word : bits) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 32U;
  }
  return hash;
}

std::uint32_t RowBits::find_or_add(const Bits& bits) {
  const auto [found, is_new] = numbers_.try_emplace(bits, static_cast<std::uint32_t>(rows_.size()));
  if (is_new) {
    rows_.push_back(bits);
  }
  return found->second;
}

std::uint32_t RowBits::add(const Bits& bits) {
  rows_.push_back(bits);
  return static_cast<std::uint32_t>(rows_.size() - 1);
}

std::vector<RowChange> classify(RowBits& rows, std::size_t count, const std::function<KeyRanges(std::size_t)>& ranges,
                                Uint128 last) {
  struct Edge {
    Uint128 key;
    std::size_t row;
  };
  std::vector<Edge> edges;
  Bits bits = rows.none();
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
  std::vector<RowChange> changes{{0, rows.find_or_add(bits)}};
  for (std::size_t i = 0; i < edges.size();) {
    const Uint128 key = edges[i].key;
    for (; i < edges.size() && edges[i].key == key; ++i) {
      flip(bits, edges[i].row);
    }
    const std::uint32_t row = rows.find_or_add(bits);
    if (row != changes.back().row) {
      changes.push_back({key, row});
    }
  }
  return changes;
}

}  // namespace nicsentry
