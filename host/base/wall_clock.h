// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>

#include "host/base/timestamp.h"

namespace nicsentry {

// CLOCK_REALTIME, as packets are stamped and as lifetimes of rules and set members are told.
inline TimestampNs wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace nicsentry
