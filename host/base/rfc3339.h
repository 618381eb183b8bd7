// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/base/timestamp.h"

namespace nicsentry {

// A time as RFC 3339 has it, in UTC with nine digits: "2026-05-01T12:00:00.000000042Z".
std::string rfc3339(TimestampNs timestamp_ns);

}  // namespace nicsentry
