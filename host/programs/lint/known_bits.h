// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <bit>
#include <cstdint>

namespace nicsentry::lint {

// A 64-bit number of which some bits are known. The operations give what the kernel's "tristate numbers" give: what is
// unknown must be unknown at the same places, because the driver's decisions depend on it.
struct KnownBits {
  std::uint64_t value = 0;                    // of the known bits
  std::uint64_t unknown = ~std::uint64_t{0};  // a 1 for each unknown bit

  bool constant() const { return unknown == 0; }
  bool is(std::uint64_t number) const { return unknown == 0 && value == number; }
  std::uint64_t greatest() const { return value | unknown; }
  KnownBits low_half() const { return {value & 0xffffffffU, unknown & 0xffffffffU}; }
  KnownBits high_half() const { return {value >> 32U << 32U, unknown >> 32U << 32U}; }
  KnownBits low_bytes(unsigned bytes) const {
    const std::uint64_t mask = bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (bytes * 8)) - 1;
    return {value & mask, unknown & mask};
  }
  // Whether each number that `other` can be is one that this can be.
  bool covers(const KnownBits& other) const {
    return (other.unknown & ~unknown) == 0 && (other.value & ~unknown) == value;
  }
  friend bool operator==(const KnownBits&, const KnownBits&) = default;
};

inline KnownBits exactly(std::uint64_t number) { return {number, 0}; }

inline KnownBits between(std::uint64_t least, std::uint64_t most) {
  const auto bits = static_cast<unsigned>(std::bit_width(least ^ most));
  if (bits > 63) {
    return {};
  }
  const std::uint64_t low = (std::uint64_t{1} << bits) - 1;
  return {least & ~low, low};
}

inline KnownBits operator+(const KnownBits& a, const KnownBits& b) {
  const std::uint64_t sum = a.value + b.value;
  const std::uint64_t carries = (a.unknown + b.unknown + sum) ^ sum;
  const std::uint64_t unknown = carries | a.unknown | b.unknown;
  return {sum & ~unknown, unknown};
}

inline KnownBits operator-(const KnownBits& a, const KnownBits& b) {
  const std::uint64_t difference = a.value - b.value;
  const std::uint64_t borrows = (difference + a.unknown) ^ (difference - b.unknown);
  const std::uint64_t unknown = borrows | a.unknown | b.unknown;
  return {difference & ~unknown, unknown};
}

inline KnownBits operator&(const KnownBits& a, const KnownBits& b) {
  const std::uint64_t ones = a.value & b.value;
  return {ones, a.greatest() & b.greatest() & ~ones};
}

inline KnownBits operator|(const KnownBits& a, const KnownBits& b) {
  const std::uint64_t ones = a.value | b.value;
  return {ones, (a.unknown | b.unknown) & ~ones};
}

inline KnownBits operator^(const KnownBits& a, const KnownBits& b) {
  const std::uint64_t unknown = a.unknown | b.unknown;
  return {(a.value ^ b.value) & ~unknown, unknown};
}

inline KnownBits operator<<(const KnownBits& a, unsigned amount) { return {a.value << amount, a.unknown << amount}; }
inline KnownBits operator>>(const KnownBits& a, unsigned amount) { return {a.value >> amount, a.unknown >> amount}; }

// Long multiplication: the sum of the shifted partial products, values and unknown bits apart.
inline KnownBits operator*(KnownBits a, KnownBits b) {
  const std::uint64_t product = a.value * b.value;
  KnownBits rest{0, 0};
  for (; a.value != 0 || a.unknown != 0; a = a >> 1U, b = b << 1U) {
    if ((a.value & 1U) != 0) {
      rest = rest + KnownBits{0, b.unknown};
    } else if ((a.unknown & 1U) != 0) {
      rest = rest + KnownBits{0, b.greatest()};
    }
  }
  return exactly(product) + rest;
}

// Knowledge where both hold: the number is in both sets.
inline KnownBits both(const KnownBits& a, const KnownBits& b) {
  const std::uint64_t unknown = a.unknown & b.unknown;
  return {(a.value | b.value) & ~unknown, unknown};
}

}  // namespace nicsentry::lint
