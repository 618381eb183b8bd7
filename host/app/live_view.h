// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/analysis/live_analysis.h"
#include "host/report/live_sessions.h"
#include "host/report/traffic_history.h"
#include "host/run/posted_calls.h"

namespace nicsentry {

// What runs now: the open window so far, and the traffic of the last hour. A thread of its own reads the counters of
// sessions each second, beside the event loop, which it asks for the rest. All who ask share a reading.
class LiveView {
 public:
  // `calls` and `analysis`: of the loop. `first_window`: the number of its first window.
  LiveView(PostedCalls& calls, LiveAnalysis& analysis, std::uint64_t first_window);
  ~LiveView();
  LiveView(const LiveView&) = delete;
  LiveView& operator=(const LiveView&) = delete;

  // Once the analysis has begun.
  void start();

  // Any thread. At most about a second old. Throws Unavailable where the run does not answer in time.
  std::shared_ptr<const LiveSessions> sessions();
  // Any thread: samples of each attachment that end after `since_ns`.
  std::vector<AttachmentTraffic> traffic(TimestampNs since_ns) const;

  // Ends the thread; whoever waits gets Unavailable. The loop's calls must be closed before.
  void close();

 private:
  using Clock = std::chrono::steady_clock;

  void serve();
  void read(bool step);
  void look(bool step);
  std::shared_ptr<const LiveSessions> open_window(TimestampNs read_ns, const CounterReadings& readings);
  void sample(const std::vector<LiveAnalysis::ReadingBegun>& begun, TimestampNs now_ns);

  PostedCalls& calls_;
  LiveAnalysis& analysis_;
  const std::uint64_t first_window_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const LiveSessions> sessions_;
  Clock::time_point taken_{};
  Clock::time_point asked_{};   // when somebody asked last
  std::uint64_t wanted_ = 0;    // readings that were asked for
  std::uint64_t answered_ = 0;  // of them
  std::string trouble_;         // of the last one; empty: none
  std::vector<TrafficHistory> histories_;
  bool closing_ = false;

  std::map<std::string, std::weak_ptr<CounterReader>> readers_;  // by attachment; of the thread
  std::thread thread_;
};

}  // namespace nicsentry
