// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>

#include "host/base/timestamp.h"

namespace nicsentry {

constexpr std::chrono::seconds kLeftOutInterval{1};  // how often the records that were left out are reported

// Lets so many records a second through, with a second's worth at once. For one thread.
class LogLimiter {
 public:
  // 0: all.
  explicit LogLimiter(std::uint64_t per_second) : per_second_(per_second), room_(per_second) {}

  void set_rate(std::uint64_t per_second) { per_second_ = per_second; }

  // False: the record is left out. A time before the last one counts as the last one.
  bool take(TimestampNs now_ns);
  // How many were left out since the last call.
  std::uint64_t take_left_out();

 private:
  std::uint64_t per_second_;
  std::uint64_t room_;
  TimestampNs filled_ns_ = 0;  // up to here, `room_` has what came in
  std::uint64_t left_out_ = 0;
};

}  // namespace nicsentry
