// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/python_float.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string_view>

namespace nicsentry {
namespace {

__extension__ using Wide = unsigned __int128;

// Python writes a float without an exponent if its first digit has a value from 10^-4 to 10^15 (float_repr_style
// 'short', PyOS_double_to_string with code 'r').
constexpr int min_fixed_exponent = -4;
constexpr int max_fixed_exponent = 15;

std::string fixed(std::string_view digits, int exponent) {
  if (exponent < 0) return fmt::format("0.{:0<{}}{}", "", -exponent - 1, digits);
  const auto integer_digits = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= integer_digits) return fmt::format("{:0<{}}.0", digits, integer_digits);
  return fmt::format("{}.{}", digits.substr(0, integer_digits), digits.substr(integer_digits));
}

}  // namespace

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";

  std::array<char, 32> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
  std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));

  const std::string sign = text.front() == '-' ? "-" : "";
  text.remove_prefix(sign.size());
  const std::size_t mark = text.find('e');
  std::string_view exponent_text = text.substr(mark + 1);
  if (exponent_text.front() == '+') exponent_text.remove_prefix(1);  // from_chars takes no '+'
  int exponent = 0;
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);

  // C++ and Python write the same if there is an exponent: d[.ddd]e+XX, with at least two digits in it.
  if (exponent < min_fixed_exponent || exponent > max_fixed_exponent) return sign + std::string(text);
  std::string digits(text.substr(0, mark));
  if (digits.size() > 1) digits.erase(1, 1);  // the decimal point
  return sign + fixed(digits, exponent);
}

double python_quotient(std::uint64_t dividend, std::uint64_t divisor) {
  if (dividend == 0) return 0;
  // The shift gives the integer quotient 55 or 56 bits: the 53 of a double and two or three more. The last bit is set
  // if there is a remainder. So the quotient rounds like the exact one.
  const int shift = 55 + static_cast<int>(std::bit_width(divisor)) - static_cast<int>(std::bit_width(dividend));
  Wide scaled_dividend = dividend;
  Wide scaled_divisor = divisor;
  if (shift >= 0) {
    scaled_dividend <<= shift;
  } else {
    scaled_divisor <<= -shift;
  }
  auto quotient = static_cast<std::uint64_t>(scaled_dividend / scaled_divisor);
  if (scaled_dividend % scaled_divisor != 0) quotient |= 1;
  return std::ldexp(static_cast<double>(quotient), -shift);
}

double python_seconds(std::int64_t nanoseconds) {
  const auto magnitude = static_cast<std::uint64_t>(nanoseconds);
  if (nanoseconds < 0) return -python_quotient(0 - magnitude, 1'000'000'000);
  return python_quotient(magnitude, 1'000'000'000);
}

}  // namespace nicsentry
