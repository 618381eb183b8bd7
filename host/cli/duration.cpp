// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/duration.h"

#include <cmath>

#include "host/base/error.h"
#include "host/rules/language/lifetime.h"

namespace nicsentry {
namespace {

constexpr double kLongestSeconds = 366.0 * 86400;

}  // namespace

std::chrono::nanoseconds parse_duration(const std::string& text, std::chrono::nanoseconds least) {
  const auto seconds = duration_seconds(text);
  if (!seconds) {
    throw Error("duration '" + text +
                "': allowed is a duration (\"90s\", \"10m\", \"1h30m\", \"7d\") or a number of seconds");
  }
  if (!std::isfinite(*seconds) || *seconds > kLongestSeconds ||
      *seconds < std::chrono::duration<double>(least).count()) {
    throw Error("duration '" + text + "': allowed is from " +
                std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(least).count()) + "ms to a year");
  }
  return std::chrono::nanoseconds(std::llround(*seconds * 1e9));
}

}  // namespace nicsentry
