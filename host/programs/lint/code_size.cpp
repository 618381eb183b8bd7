// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/code_size.h"

#include <bit>
#include <limits>

namespace nicsentry::lint {
namespace {

constexpr std::uint32_t kAllOnes = std::numeric_limits<std::uint32_t>::max();

bool fits_one_immediate(std::uint32_t value) {
  return (value & 0xffff0000U) == 0 || (value & 0xff0000ffU) == 0 || (value & 0x0000ffffU) == 0;
}

// Multiplier and shift that replace a division, after Granlund and Montgomery, "Division by Invariant Integers using
// Multiplication" (1994), for dividends of `bits` bits.
struct Reciprocal {
  std::uint64_t multiplier;
  unsigned exponent;  // the divisor is at most 2^exponent
  bool wide() const { return multiplier > kAllOnes; }
};

Reciprocal reciprocal(std::uint32_t divisor, unsigned bits) {
  const auto exponent = static_cast<unsigned>(std::bit_width(divisor - 1U));
  std::uint64_t low = (std::uint64_t{1} << (32U + exponent)) / divisor;
  std::uint64_t high =
      ((std::uint64_t{1} << (32U + exponent)) + (std::uint64_t{1} << (32U + exponent - bits))) / divisor;
  for (unsigned shift = exponent; shift > 0 && low / 2 < high / 2; --shift) {
    low /= 2;
    high /= 2;
  }
  return {high, exponent};
}

constexpr unsigned kMultiply32 = 7;  // start, four steps, both halves of the result
constexpr unsigned kMultiply16 = 4;

}  // namespace

unsigned immediate_size(std::uint32_t value) { return fits_one_immediate(value) || fits_one_immediate(~value) ? 1 : 2; }

unsigned operand_size(std::uint32_t value) { return value <= 0xff ? 0 : immediate_size(value); }

unsigned restricted_operand_size(std::uint32_t value) { return value <= 0x7f ? 0 : immediate_size(value); }

unsigned alu_constant_size(AluOperation operation, std::uint32_t value) {
  switch (operation) {
    case AluOperation::bit_and:
      if (value == 0) return 1;
      if (value == kAllOnes) return 0;
      break;
    case AluOperation::bit_or:
    case AluOperation::bit_xor:
      if (value == 0) return 0;
      if (value == kAllOnes) return 1;
      break;
    default:
      break;
  }
  return operand_size(value) + 1;
}

unsigned shift64_size(Shift shift, std::uint64_t least, std::uint64_t most) {
  if (least == most) {
    const auto amount = static_cast<std::uint8_t>(least);
    if (amount == 0) return 0;
    if (shift == Shift::arithmetic_right) return amount == 32 ? 2 : 3;
    return 2;
  }
  // A left shift below 32 computes 32 - amount for the upper half.
  const unsigned below_32 = shift == Shift::left ? 5 : 4;
  const unsigned from_32 = 3;
  if (most < 32) return below_32;
  if (least >= 32) return from_32;
  return 1 + below_32 + 1 + from_32;  // with the test of bit 5, and the jump over the other case
}

unsigned shift32_size(Shift shift, std::uint64_t least, std::uint64_t most) {
  if (least == most) {
    if (static_cast<std::uint8_t>(least) == 0) return 0;
    return shift == Shift::arithmetic_right ? 2 : 1;
  }
  return 2;
}

unsigned multiplication_size(std::uint32_t target_max, std::uint32_t source_max) {
  return target_max > 0xffff || source_max > 0xffff ? kMultiply32 : kMultiply16;
}

unsigned division_size(std::uint64_t divisor) {
  if (divisor == 0 || divisor > kAllOnes) return 1;
  const auto by = static_cast<std::uint32_t>(divisor);
  if (by > std::uint32_t{1} << 31U) return operand_size(by) + 3;
  const Reciprocal whole = reciprocal(by, 32);
  Reciprocal used = whole;
  unsigned shifted_before = 0;
  if (whole.wide() && by % 2 == 0) {
    shifted_before = static_cast<unsigned>(std::countr_zero(by));
    used = reciprocal(by >> shifted_before, 32 - shifted_before);
  }
  const unsigned constant = operand_size(static_cast<std::uint32_t>(used.multiplier));
  if (by == std::uint32_t{1} << whole.exponent) return constant + 1;
  if (used.wide()) return constant + kMultiply32 + 4;
  return constant + (shifted_before != 0 ? 1U : 0U) + kMultiply32 + 1;
}

}  // namespace nicsentry::lint
