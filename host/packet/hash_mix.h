// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace nicsentry {

// Makes an index out of a sum of products, as mix() in bpf_offload/mix.h does. Low bits of such a sum are not
// fit to be one: even factors share them. Xor and shift alone are linear, and under some keys leave sequential tuples
// in few buckets; the addition is not.
constexpr std::uint32_t mix_hash(std::uint64_t hash) {
  std::uint32_t x = static_cast<std::uint32_t>(hash) ^ static_cast<std::uint32_t>(hash >> 32);
  std::uint32_t y = x;
  y ^= y << 13;
  y ^= y >> 17;
  y ^= y << 5;
  x += y;
  return x ^ x >> 15;
}

}  // namespace nicsentry
