// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "host/metrics/run_figures.h"

namespace nicsentry {

// Adds up what ends and passes in a run. Any thread may call; nothing waits for more than an addition.
class RunMeters {
 public:
  // `closing`: from the switch to the next window until the report was complete.
  void add_window(const WindowReport& report, std::chrono::nanoseconds closing);
  void add_written(std::chrono::nanoseconds time);
  void add_left_out(const std::string& output, std::uint64_t windows);
  void add_messages(const std::string& level, std::uint64_t messages);

  WindowFigures figures() const;

 private:
  mutable std::mutex mutex_;
  WindowFigures figures_;
};

}  // namespace nicsentry
