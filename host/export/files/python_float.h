// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace nicsentry {

// What Python's repr(value) gives: the shortest digits that read back as the same double, "2.0", "1e-05", "1.5e+16".
std::string python_float(double value);

// What Python's dividend / divisor gives for two integers: the double nearest to the exact quotient, also where an
// operand has no exact double. The divisor is not 0.
double python_quotient(std::uint64_t dividend, std::uint64_t divisor);

// What Python's nanoseconds / 1000000000 gives.
double python_seconds(std::int64_t nanoseconds);

}  // namespace nicsentry
