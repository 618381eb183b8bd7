// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/top/plain_text.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace nicsentry::top {
namespace {

constexpr double kThousand = 1000;
constexpr double kRoundedUp = 999.95;  // would be shown as "1000.0"
constexpr double kUnrounded = 999.5;

}  // namespace

std::string printable(std::string text) {
  for (char& character : text) {
    if (character < ' ' || character > '~') {
      character = '?';
    }
  }
  return text;
}

std::string fitted(std::string text, std::size_t width) {
  if (text.size() > width) {
    text.resize(width);
    if (width != 0) {
      text.back() = '~';
    }
  }
  text.resize(width, ' ');
  return text;
}

std::string fitted_at_middle(std::string text, std::size_t width) {
  constexpr std::size_t kLeast = 5;
  if (text.size() <= width || width < kLeast) {
    return fitted(std::move(text), width);
  }
  const std::size_t behind = (width - 1) / 2;
  return text.substr(0, width - 1 - behind) + "~" + text.substr(text.size() - behind);
}

std::string right_aligned(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : fitted(text, width);
}

std::string short_number(double number) {
  constexpr std::array<std::string_view, 7> kUnits{"", "k", "M", "G", "T", "P", "E"};
  if (!std::isfinite(number) || number <= 0) {
    return "0";
  }
  std::size_t unit = 0;
  while (number >= (unit == 0 ? kUnrounded : kRoundedUp) && unit + 1 < kUnits.size()) {
    number /= kThousand;
    ++unit;
  }
  constexpr double kFew = 9.95;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 && number >= kFew ? "%.0f" : "%.1f", number);
  return text.data() + std::string(kUnits.at(unit));
}

std::string short_count(std::uint64_t count) {
  constexpr std::uint64_t kLeastShortened = 1000;
  return count < kLeastShortened ? std::to_string(count) : short_number(static_cast<double>(count));
}

}  // namespace nicsentry::top
