// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace nicsentry {

// Returns Python's repr(value): the shortest digits that parse to the same double, "2.0", "1e-05", "1.5e+16".
std::string python_float(double value);

// Returns Python's dividend / divisor for two integers: the double nearest to the exact quotient, even if an operand
// has no exact double. The divisor is not 0.
double python_quotient(std::uint64_t dividend, std::uint64_t divisor);

// Returns Python's nanoseconds / 1000000000.
double python_seconds(std::int64_t nanoseconds);

}  // namespace nicsentry
