// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "host/report/live_sessions.h"

namespace nicsentry {

// Figures of an attachment that only rise.
struct TrafficFigures {
  Amount in;
  Amount dropped;
  std::uint64_t lost_events = 0;
  std::uint64_t sessions_new = 0;
};

// Samples of the last hour of one attachment, a sample a second: their differences are exact. Its memory is bounded.
class TrafficHistory {
 public:
  static constexpr std::size_t kMost = 3600;  // samples

  TrafficHistory(std::string interface, std::string hook, std::string mode);

  bool is_of(const std::string& interface, const std::string& hook, const std::string& mode) const;
  // The first call only notes where figures begin. Later ones add a sample: the difference to the call before.
  void add(TimestampNs now_ns, const TrafficFigures& figures, std::uint64_t sessions_active);
  // Another program counts from now on: its figures begin anew.
  void begin_anew() { begun_ = false; }
  // Samples that end after `since_ns`, oldest first.
  AttachmentTraffic traffic(TimestampNs since_ns) const;
  TimestampNs last_ns() const;

 private:
  AttachmentTraffic name_;
  std::vector<TrafficSample> ring_;
  std::size_t next_ = 0;  // where the next sample goes, once the ring is full
  bool begun_ = false;
  TrafficFigures last_;
};

}  // namespace nicsentry
