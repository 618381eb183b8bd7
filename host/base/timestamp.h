// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace nicsentry {

// Nanoseconds since 1970-01-01 UTC.
using TimestampNs = std::int64_t;

}  // namespace nicsentry
