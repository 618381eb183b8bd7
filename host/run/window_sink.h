// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/report/window_report.h"

namespace nicsentry {

// What became of a window.
struct WindowOutcome {
  std::uint64_t number = 0;
  std::vector<std::filesystem::path> files;
  std::vector<std::string> errors;
};

// Hands windows to an output on a thread of its own, so that writing does not hold up the reading of events. At most a
// few windows wait; then put() does.
class WindowSink {
 public:
  using Write = std::function<WindowOutcome(const WindowReport&)>;
  explicit WindowSink(Write write);
  ~WindowSink();  // writes what waits
  WindowSink(const WindowSink&) = delete;
  WindowSink& operator=(const WindowSink&) = delete;

  std::shared_future<WindowOutcome> put(WindowReport report);

 private:
  struct Job {
    WindowReport report;
    std::promise<WindowOutcome> done;
  };

  void serve();

  Write write_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace nicsentry
