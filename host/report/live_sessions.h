// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/report/window_report.h"

namespace nicsentry {

// How fast something is counted.
struct LiveRate {
  double packets_per_second = 0;
  double bits_per_second = 0;

  void add(const LiveRate& other) {
    packets_per_second += other.packets_per_second;
    bits_per_second += other.bits_per_second;
  }
};

// What the open window has so far. Values only: any thread may read it.
struct LiveSessions {
  WindowReport window;          // ends with the reading; sessions have no features of packets
  std::vector<LiveRate> rates;  // of each session, over the last one to two seconds
};

// A second of an attachment.
struct TrafficSample {
  TimestampNs time_ns = 0;  // its end
  Amount in;
  Amount dropped;  // by the firewall; also part of `in`
  std::uint64_t lost_events = 0;
  std::uint64_t sessions_active = 0;  // of which the program counted packets
  std::uint64_t sessions_new = 0;
};

struct AttachmentTraffic {
  std::string interface;
  std::string hook;
  std::string mode;
  std::vector<TrafficSample> samples;  // oldest first
};

}  // namespace nicsentry
