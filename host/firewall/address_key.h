// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "host/packet/session_key.h"

namespace nicsentry {

// Index of a family, as firewall.set_roots has it.
constexpr std::size_t kIpv4 = 0;
constexpr std::size_t kIpv6 = 1;
constexpr std::size_t kFamilies = 2;

inline std::size_t family_of(const IpAddress& address) { return address.version == 6 ? kIpv6 : kIpv4; }

// An address of a known family as the programs search for it: IPv4 as a number in `high`, IPv6 as two.
struct AddressKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  auto operator<=>(const AddressKey&) const = default;
};

AddressKey address_key(const IpAddress& address);
IpAddress address_of(const AddressKey& key, std::size_t family);
// As IpAddress::raw_words().
std::array<std::uint32_t, 4> raw_words(const AddressKey& key, std::size_t family);
// The next address; nothing after the family's last.
std::optional<AddressKey> following(const AddressKey& key, std::size_t family);

}  // namespace nicsentry
