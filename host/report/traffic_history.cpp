// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/report/traffic_history.h"

#include <algorithm>
#include <utility>

namespace nicsentry {
namespace {

std::uint64_t risen(std::uint64_t now, std::uint64_t before) { return now - std::min(now, before); }

Amount risen(const Amount& now, const Amount& before) {
  return {risen(now.packets, before.packets), risen(now.bytes, before.bytes)};
}

// A figure of a card may stand still until its counters have had their turn.
Amount higher_of(const Amount& left, const Amount& right) {
  return {std::max(left.packets, right.packets), std::max(left.bytes, right.bytes)};
}

}  // namespace

TrafficHistory::TrafficHistory(std::string interface, std::string hook, std::string mode)
    : name_{std::move(interface), std::move(hook), std::move(mode), {}} {}

bool TrafficHistory::is_of(const std::string& interface, const std::string& hook, const std::string& mode) const {
  return name_.interface == interface && name_.hook == hook && name_.mode == mode;
}

void TrafficHistory::add(TimestampNs now_ns, const TrafficFigures& figures, std::uint64_t sessions_active) {
  if (!std::exchange(begun_, true)) {
    last_ = figures;
    return;
  }
  const TrafficFigures before = last_;
  last_ = {higher_of(figures.in, before.in), higher_of(figures.dropped, before.dropped),
           std::max(figures.lost_events, before.lost_events), std::max(figures.sessions_new, before.sessions_new)};
  const TrafficSample sample{now_ns,
                             risen(figures.in, before.in),
                             risen(figures.dropped, before.dropped),
                             risen(figures.lost_events, before.lost_events),
                             sessions_active,
                             risen(figures.sessions_new, before.sessions_new)};
  if (ring_.size() < kMost) {
    ring_.push_back(sample);
  } else {
    ring_[next_] = sample;
    next_ = (next_ + 1) % kMost;
  }
}

AttachmentTraffic TrafficHistory::traffic(TimestampNs since_ns) const {
  AttachmentTraffic traffic = name_;
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    const TrafficSample& sample = ring_[(next_ + i) % ring_.size()];
    if (sample.time_ns > since_ns) {
      traffic.samples.push_back(sample);
    }
  }
  return traffic;
}

TimestampNs TrafficHistory::last_ns() const {
  return ring_.empty() ? 0 : ring_[(next_ + ring_.size() - 1) % ring_.size()].time_ns;
}

}  // namespace nicsentry
