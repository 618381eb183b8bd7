// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "host/base/timestamp.h"

namespace nicsentry {

// The clock of a pcapng interface: how long a tick is, and what is added to each time.
class InterfaceClock {
 public:
  // if_tsresol: a tick is 10^-n seconds, or with the highest bit set 2^-n. Microseconds without it.
  void set_resolution(std::uint8_t resolution) { resolution_ = resolution; }
  // if_tsoffset
  void set_offset_s(std::int64_t seconds) { offset_s_ = seconds; }

  // Nothing where the time is before 1970, or where 64 bits do not hold the end of its window: one nanosecond later.
  std::optional<TimestampNs> time_of(std::uint64_t ticks) const;

 private:
  std::uint8_t resolution_ = 6;
  std::int64_t offset_s_ = 0;
};

}  // namespace nicsentry
