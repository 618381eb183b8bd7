// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "host/base/unique_fd.h"

namespace nicsentry {

// Returns when no packet is under way on the host's processors that saw the maps as they were before the call.
void wait_for_processors();

// Returns when no XDP or TC program runs any more that was running at the call. The calling process visits each
// processor: a program runs with softirqs disabled, and until it has ended nothing else runs there. That is faster than
// wait_for_processors() by two orders, which stands in where a process cannot visit all of them or where softirqs are
// preemptible (PREEMPT_RT).
void wait_for_running_programs();

// Waits, on a thread of its own, until no packet is under way in a program that saw the maps as they were before
// request(): on the host's processors an RCU grace period (membarrier(2), MEMBARRIER_CMD_GLOBAL), on a card a time far
// above a packet's stay in it. Meanwhile the caller goes on reading events. One request at a time.
class Quiescence {
 public:
  explicit Quiescence(std::chrono::microseconds card_time);
  ~Quiescence();
  Quiescence(const Quiescence&) = delete;
  Quiescence& operator=(const Quiescence&) = delete;

  void request();
  // Becomes readable when the request is met.
  int poll_fd() const { return done_.get(); }
  // True once after each met request.
  bool take_done();

 private:
  void serve();

  std::chrono::microseconds card_time_;
  UniqueFd done_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool requested_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace nicsentry
