// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/access/rate_limit.h"

#include <algorithm>

namespace nicsentry {

bool RateLimit::take(const IpAddress& address, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (buckets_.size() >= kMostAddresses && !buckets_.contains(address)) {
    forget_idle(now);
    if (buckets_.size() >= kMostAddresses) {
      return false;
    }
  }
  const auto [found, is_new] = buckets_.try_emplace(address);
  Bucket& bucket = found->second;
  if (!is_new) {
    const double passed = std::chrono::duration<double>(now - bucket.filled).count();
    bucket.room = std::min(kAtOnce, bucket.room + std::max(passed, 0.0) * kPerSecond);
  }
  bucket.filled = now;
  if (bucket.room < 1) {
    return false;
  }
  bucket.room -= 1;
  return true;
}

// With the lock held. A bucket that has filled up meanwhile is as good as none.
void RateLimit::forget_idle(Clock::time_point now) {
  std::erase_if(buckets_, [now](const auto& one) {
    const double passed = std::chrono::duration<double>(now - one.second.filled).count();
    return one.second.room + passed * kPerSecond >= kAtOnce;
  });
}

}  // namespace nicsentry
