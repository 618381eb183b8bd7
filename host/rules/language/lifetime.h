// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace nicsentry {

constexpr const char* kLifetimeAllowed =
    "a duration (\"90s\", \"10m\", \"1h30m\", \"7d\") or a number of seconds, above 0 and at most a year";

// Returns the seconds of a duration: numbers with us, ms, s, m (or min), h or d, or one plain number of seconds.
// Returns nullopt for an invalid text, and for a negative number.
std::optional<double> duration_seconds(std::string_view text);

// Parses the lifetime of a rule or an entry, a duration. Returns nullopt for an invalid text, and for a lifetime that
// is 0 or above 366 days.
std::optional<std::chrono::nanoseconds> parse_lifetime(std::string_view text);
std::optional<std::chrono::nanoseconds> lifetime_of_seconds(double seconds);

// Returns the remaining time in whole seconds, rounded up: "598s".
std::string lifetime_text(std::chrono::nanoseconds left);

}  // namespace nicsentry
