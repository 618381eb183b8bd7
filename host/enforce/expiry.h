// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "host/base/timestamp.h"

namespace nicsentry {

// Removes what has a lifetime when its time is over, on a thread of its own. When that fails, for whatever reason, it
// warns and tries again.
class Expiry {
 public:
  // Called on the thread, without a lock of this class.
  struct Work {
    std::function<TimestampNs()> now;
    std::function<std::optional<TimestampNs>()> next_end;  // of what has one
    std::function<void(TimestampNs)> expire;               // removes what has ended until then
    std::function<void(const std::string&)> warning;
  };
  explicit Expiry(Work work);
  ~Expiry();
  Expiry(const Expiry&) = delete;
  Expiry& operator=(const Expiry&) = delete;

  // The next end, or the clock, may have changed. Any thread may call; never waits.
  void wake();

 private:
  void serve();
  // Removes what is due. Returns how long there is nothing to do; nothing: until wake().
  std::optional<std::chrono::nanoseconds> serve_once();
  void warn(const std::string& reason);

  Work work_;
  std::string last_warning_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace nicsentry
