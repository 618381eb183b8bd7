// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/sets/address_key.h"

namespace nicsentry {
namespace {

constexpr std::size_t kIpv4Bytes = 4;
constexpr std::size_t kHalfBytes = 8;

std::uint64_t number(const IpAddress& address, std::size_t first, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = first; i < first + count; ++i) {
    value = value << 8U | address.bytes[i];
  }
  return value;
}

void set_number(IpAddress& address, std::size_t first, std::size_t count, std::uint64_t value) {
  for (std::size_t i = first + count; i-- > first; value >>= 8U) {
    address.bytes[i] = static_cast<std::uint8_t>(value);
  }
}

}  // namespace

AddressKey address_key(const IpAddress& address) {
  if (family_of(address) == kIpv4) return {number(address, 0, kIpv4Bytes), 0};
  return {number(address, 0, kHalfBytes), number(address, kHalfBytes, kHalfBytes)};
}

IpAddress address_of(const AddressKey& key, std::size_t family) {
  IpAddress address;
  if (family == kIpv4) {
    set_number(address, 0, kIpv4Bytes, key.high);
    return address;
  }
  address.version = 6;
  set_number(address, 0, kHalfBytes, key.high);
  set_number(address, kHalfBytes, kHalfBytes, key.low);
  return address;
}

std::optional<AddressKey> following(const AddressKey& key, std::size_t family) {
  if (family == kIpv4) {
    if (key.high >= 0xffffffffU) return std::nullopt;
    return AddressKey{key.high + 1, 0};
  }
  AddressKey next{key.high, key.low + 1};
  if (next.low == 0 && ++next.high == 0) return std::nullopt;
  return next;
}

}  // namespace nicsentry
