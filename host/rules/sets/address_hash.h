// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "bpf_offload/types.h"
#include "host/packet/hash_mix.h"
#include "host/rules/sets/address_key.h"

namespace nicsentry {

// The secret in firewall.keys. With it an attacker could choose addresses that collide.
using AddressKeys = std::array<std::uint32_t, FIREWALL_KEYS>;

// The two candidate buckets of an address in set_addresses, which can be the same. The programs look in `first` first.
struct AddressBuckets {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  bool operator==(const AddressBuckets&) const = default;
};

// Agrees with bpf_offload/sets.h. `key` is a table_key().
constexpr AddressBuckets address_buckets(const AddressKey& key, std::uint32_t buckets, const AddressKeys& keys) {
  const auto product = [&keys](std::size_t k, std::uint64_t half) {
    const auto low = static_cast<std::uint32_t>(half);
    const auto high = static_cast<std::uint32_t>(half >> 32U);
    return std::uint64_t{keys[k] + low} * (keys[k + 1] + high);
  };
  const auto place = [buckets](std::uint32_t hash) {
    return static_cast<std::uint32_t>(std::uint64_t{hash} * buckets >> 32U);
  };
  const std::uint32_t hash = mix_hash(product(0, key.low) + product(2, key.high));
  return {place(hash), place(std::rotl(hash, 16))};
}

}  // namespace nicsentry
