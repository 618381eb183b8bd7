// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <array>
#include <cstdint>

#include "bpf_offload/types.h"
#include "host/packet/hash_mix.h"

namespace nicsentry {

// The secret that firewall.keys holds. Who knows it can choose addresses that collide.
using AddressKeys = std::array<std::uint32_t, FIREWALL_KEYS>;

// The buckets of set_addresses in which an address can stand; never the same one twice. The programs look in `first`
// first.
struct AddressBuckets {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  bool operator==(const AddressBuckets&) const = default;
};

// Agrees with bpf_offload/sets.h. `words` as in IpAddress::raw_words(); at least 2 buckets.
inline AddressBuckets address_buckets(const std::array<std::uint32_t, 4>& words, bool is_ipv6, std::uint32_t buckets,
                                      const AddressKeys& keys) {
  const std::uint32_t last = words[3] + (is_ipv6 ? 1 : 0);
  const auto index = [&](std::size_t k) {
    const std::uint64_t hash = std::uint64_t{keys[k] + words[0]} * (keys[k + 1] + words[1]) +
                               std::uint64_t{keys[k + 2] + words[2]} * (keys[k + 3] + last);
    return static_cast<std::uint32_t>(std::uint64_t{mix_hash(hash)} * buckets >> 32U);
  };
  AddressBuckets found{index(0), index(4)};
  if (found.second == found.first) {
    found.second = found.first == 0 ? 1 : found.first - 1;
  }
  return found;
}

}  // namespace nicsentry
