// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/report/traffic_history.h"

#include <catch2/catch.hpp>

namespace nicsentry::traffic_history_test {

namespace {

TrafficFigures figures(std::uint64_t packets) { return {{packets, 10 * packets}, {packets / 2, 0}, packets / 4, 1}; }

}  // namespace

TEST_CASE("traffic history: a sample is the difference of a second, and what was before counts in none") {
  TrafficHistory history("eth0", "xdp", "drv");
  history.add(1, figures(1000), 0);
  CHECK(history.traffic(0).samples.empty());
  history.add(2, figures(1004), 3);
  history.add(3, figures(1004), 0);
  const AttachmentTraffic traffic = history.traffic(0);
  REQUIRE(traffic.samples.size() == 2);
  CHECK(traffic.samples[0].time_ns == 2);
  CHECK(traffic.samples[0].in.packets == 4);
  CHECK(traffic.samples[0].in.bytes == 40);
  CHECK(traffic.samples[0].dropped.packets == 2);
  CHECK(traffic.samples[0].lost_events == 1);
  CHECK(traffic.samples[0].sessions_active == 3);
  CHECK(traffic.samples[0].sessions_new == 0);
  CHECK(traffic.samples[1].in.packets == 0);
  CHECK(history.traffic(2).samples.size() == 1);
}

TEST_CASE("traffic history: it keeps an hour, the oldest samples make room") {
  TrafficHistory history("eth0", "xdp", "drv");
  constexpr std::uint64_t kAdded = TrafficHistory::kMost + 500;
  std::uint64_t sum = 0;
  for (std::uint64_t second = 0; second <= kAdded; ++second) {
    sum += second;
    history.add(static_cast<TimestampNs>(second), figures(sum), 0);
  }
  const auto samples = history.traffic(0).samples;
  REQUIRE(samples.size() == TrafficHistory::kMost);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    CHECK(samples[i].in.packets == kAdded - TrafficHistory::kMost + 1 + i);
  }
  CHECK(history.last_ns() == static_cast<TimestampNs>(kAdded));
}

TEST_CASE("traffic history: figures that fall back, or begin anew, count in no sample") {
  TrafficHistory history("eth0", "xdp", "hw");
  history.add(1, figures(100), 0);
  history.add(2, figures(60), 0);
  history.add(3, figures(104), 0);
  history.begin_anew();
  history.add(4, figures(8), 0);
  history.add(5, figures(12), 0);
  std::vector<std::uint64_t> packets;
  for (const TrafficSample& sample : history.traffic(0).samples) {
    packets.push_back(sample.in.packets);
  }
  CHECK(packets == std::vector<std::uint64_t>{0, 4, 4});
}

}  // namespace nicsentry::traffic_history_test
