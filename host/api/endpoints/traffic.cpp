// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/traffic.h"

#include <algorithm>
#include <map>
#include <utility>

#include "host/api/json/live_query.h"
#include "host/api/json/resources.h"
#include "host/base/wall_clock.h"

namespace nicsentry {

std::vector<TrafficAnswer::OfProtocol> protocol_sums(const LiveSessions& live) {
  std::map<Protocol, TrafficAnswer::OfProtocol> sums;
  for (std::size_t i = 0; i < live.window.sessions.size(); ++i) {
    const SessionWindow& session = live.window.sessions[i];
    TrafficAnswer::OfProtocol& sum = sums[session.protocol];
    sum.protocol = protocol_name(session.protocol);
    sum.packets += session.packets_server + session.packets_client;
    sum.bytes += session.bytes_server + session.bytes_client;
    sum.rate.add(live.rates[i]);
  }
  std::vector<TrafficAnswer::OfProtocol> rows;
  rows.reserve(sums.size());
  for (auto& [protocol, sum] : sums) {
    rows.push_back(std::move(sum));
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& left, const auto& right) { return left.packets > right.packets; });
  return rows;
}

void add_traffic_routes(Router& router, LiveTraffic traffic) {
  router.add("GET", resource::kTraffic, Lane::slow, [traffic = std::move(traffic)](const Request& request) {
    const auto since_s = parse_traffic_query(request.query);
    TrafficAnswer answer;
    answer.protocols = protocol_sums(*traffic.sessions());
    answer.time_ns = wall_clock_ns();
    constexpr TimestampNs second_ns = 1'000'000'000;
    answer.attachments = traffic.history(since_s ? answer.time_ns - static_cast<TimestampNs>(*since_s) * second_ns : 0);
    return encode(answer);
  });
}

}  // namespace nicsentry
