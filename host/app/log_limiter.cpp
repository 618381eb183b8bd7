// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/log_limiter.h"

#include <algorithm>
#include <utility>

namespace nicsentry {
namespace {

constexpr TimestampNs kSecond = 1'000'000'000;

}  // namespace

bool LogLimiter::take(TimestampNs now_ns) {
  if (per_second_ == 0) {
    return true;
  }
  const TimestampNs passed = std::clamp<TimestampNs>(now_ns - filled_ns_, 0, kSecond);
  const auto came_in = static_cast<std::uint64_t>(static_cast<double>(passed) * static_cast<double>(per_second_) / 1e9);
  if (came_in != 0) {
    room_ = std::min(room_ + came_in, per_second_);
    filled_ns_ = std::max(filled_ns_, now_ns);
  }
  if (room_ == 0) {
    ++left_out_;
    return false;
  }
  --room_;
  return true;
}

std::uint64_t LogLimiter::take_left_out() { return std::exchange(left_out_, 0); }

}  // namespace nicsentry
