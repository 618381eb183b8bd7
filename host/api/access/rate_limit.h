// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>

#include "host/packet/session_key.h"

namespace nicsentry {

// Lets so many requests a second of each address through, and a few seconds' worth at once. Any thread.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr double kPerSecond = 100;
  static constexpr double kAtOnce = 500;

  // False: it is one too many.
  bool take(const IpAddress& address, Clock::time_point now);

 private:
  static constexpr std::size_t kMostAddresses = 4096;
  struct Bucket {
    double room = kAtOnce;
    Clock::time_point filled{};
  };
  void forget_idle(Clock::time_point now);

  std::mutex mutex_;
  std::map<IpAddress, Bucket> buckets_;
};

}  // namespace nicsentry
