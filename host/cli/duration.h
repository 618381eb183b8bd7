// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>

namespace nicsentry {

// "10s", "50ms", "2m", "1.5h", "5d", or a plain decimal number of seconds ("0.01"). Throws Error for anything else, for
// what is not positive, and for less than `least`.
std::chrono::nanoseconds parse_duration(const std::string& text, std::chrono::nanoseconds least);

}  // namespace nicsentry
