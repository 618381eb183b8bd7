// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/duration.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "host/base/error.h"

namespace nicsentry {
namespace {

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr Unit kUnits[] = {{"", 1},   {"s", 1},    {"ms", 1e-3}, {"us", 1e-6},
                           {"m", 60}, {"min", 60}, {"h", 3600},  {"d", 86400}};
constexpr double kLongestSeconds = 366.0 * 86400;

}  // namespace

std::chrono::nanoseconds parse_duration(const std::string& text, std::chrono::nanoseconds least) {
  double number = 0;
  const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit_name(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  for (const Unit& unit : kUnits) {
    if (failure != std::errc() || unit.name != unit_name) {
      continue;
    }
    const double seconds = number * unit.seconds;
    if (!std::isfinite(seconds) || seconds > kLongestSeconds ||
        seconds < std::chrono::duration<double>(least).count()) {
      throw Error("duration '" + text + "': expected from " +
                  std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(least).count()) +
                  "ms to a year");
    }
    return std::chrono::nanoseconds(std::llround(seconds * 1e9));
  }
  throw Error("duration '" + text + "': expected a number of seconds, or one with us, ms, s, m, h or d");
}

}  // namespace nicsentry
