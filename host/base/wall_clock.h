// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>

#include "host/base/timestamp.h"

namespace nicsentry {

// Returns CLOCK_REALTIME, the clock of packet time stamps.
inline TimestampNs wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace nicsentry
