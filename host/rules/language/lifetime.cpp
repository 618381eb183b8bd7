// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/lifetime.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr Unit kUnits[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}};
constexpr double kLongestSeconds = 366.0 * 86400;

// Parses a number at the start of the text and removes it there.
std::optional<double> take_number(std::string_view& text) {
  double number = 0;
  const auto [rest, failure] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (failure != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return number;
}

std::optional<double> take_unit(std::string_view& text) {
  const std::string_view name = text.substr(0, text.find_first_of("0123456789.+- "));
  const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [name](const Unit& candidate) { return same_word(candidate.name, name); });
  if (unit == std::end(kUnits)) return std::nullopt;
  text.remove_prefix(name.size());
  return unit->seconds;
}

}  // namespace

std::optional<double> duration_seconds(std::string_view text) {
  text = trimmed(text);
  double seconds = 0;
  bool first = true;
  do {
    const std::optional<double> number = take_number(text);
    if (!number || *number < 0) return std::nullopt;
    if (first && text.empty()) return number;
    const std::optional<double> unit = take_unit(text);
    if (!unit) return std::nullopt;
    seconds += *number * *unit;
    first = false;
  } while (!text.empty());
  return seconds;
}

std::optional<std::chrono::nanoseconds> parse_lifetime(std::string_view text) {
  const std::optional<double> seconds = duration_seconds(text);
  return seconds ? lifetime_of_seconds(*seconds) : std::nullopt;
}

std::optional<std::chrono::nanoseconds> lifetime_of_seconds(double seconds) {
  if (!std::isfinite(seconds) || seconds <= 0 || seconds > kLongestSeconds) return std::nullopt;
  const std::chrono::nanoseconds lifetime(std::llround(seconds * 1e9));
  return lifetime.count() > 0 ? std::optional(lifetime) : std::nullopt;
}

std::string lifetime_text(std::chrono::nanoseconds left) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
  return std::to_string(std::max<decltype(seconds)>(seconds, 0)) + "s";
}

}  // namespace nicsentry
