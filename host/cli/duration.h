// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>

namespace nicsentry {

// "10s", "50ms", "2m", "1.5h", "1h30m", "5d", or a plain decimal number of seconds ("0.01"), as duration_seconds()
// reads it. Throws Error for anything else, for less than `least`, and for more than a year.
std::chrono::nanoseconds parse_duration(const std::string& text, std::chrono::nanoseconds least);

}  // namespace nicsentry
