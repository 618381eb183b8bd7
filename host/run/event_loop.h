// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "host/base/unique_fd.h"
#include "host/run/posted_calls.h"

namespace nicsentry {

// Calls what is due on the one thread that runs it: watched descriptors, timers, and what other threads posted. It
// never waits for another thread. Everything but calls() and stop() belongs to that thread.
class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;
  // Called at or after its time; returns when it wants to be called next (kNever: not before reschedule()).
  using Timer = std::function<Clock::time_point(Clock::time_point now)>;
  using TimerId = std::size_t;
  static constexpr Clock::time_point kNever = Clock::time_point::max();

  EventLoop();  // throws SystemError

  // Wakes the loop while `fd` is readable, and calls `readable` then. `fd` must be non-blocking to read. One that is
  // closed wakes nobody any more; unwatch() it before another descriptor gets its number. Throws SystemError.
  void watch(int fd, std::function<void()> readable = {});
  void unwatch(int fd);

  TimerId add_timer(Clock::time_point first, Timer timer);
  void reschedule(TimerId timer, Clock::time_point when);

  // Calls for this loop from any thread.
  PostedCalls& calls() { return calls_; }

  // Runs until stop(). What a callback throws ends it.
  void run();
  // Any thread; also from a callback. A run that begins later ends at once.
  void stop();

 private:
  void wait(Clock::time_point until);
  void run_due_timers();

  struct Entry {
    Clock::time_point due;
    Timer timer;
  };
  struct Watched {
    int fd;
    std::function<void()> readable;
  };

  UniqueFd epoll_;
  PostedCalls calls_;
  std::deque<Entry> timers_;  // callbacks may add timers: references stay good
  std::vector<std::shared_ptr<Watched>> watched_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace nicsentry
