// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "bpf_offload/types.h"
#include "host/packet/session_key.h"

namespace nicsentry {

// Index of a family, as in firewall.set_roots.
constexpr std::size_t kIpv4 = 0;
constexpr std::size_t kIpv6 = 1;
constexpr std::size_t kFamilies = 2;

inline std::size_t family_of(const IpAddress& address) { return address.version == 6 ? kIpv6 : kIpv4; }

// An address of a known family, as the programs look it up. An IPv4 address is one number in `high`, an IPv6 address
// two.
struct AddressKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  auto operator<=>(const AddressKey&) const = default;
};

AddressKey address_key(const IpAddress& address);
IpAddress address_of(const AddressKey& key, std::size_t family);
// Returns the key in set_addresses, as `address` in bpf_offload/types.h.
constexpr AddressKey table_key(const AddressKey& key, std::size_t family) {
  return family == kIpv4 ? AddressKey{IPV4_HIGH, key.high} : key;
}
// Returns whether a table_key() belongs to an IPv4 address, or to an IPv6 address with the same key.
constexpr bool is_ipv4_in_table(const AddressKey& key) { return key.high == IPV4_HIGH && key.low >> 32U == 0; }
// Returns the next address; nullopt after the family's last.
std::optional<AddressKey> following(const AddressKey& key, std::size_t family);

}  // namespace nicsentry
