// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/connections.h"

#include <algorithm>
#include <string>

namespace nicsentry {
namespace {

constexpr double kMedian = 0.5;
constexpr double kAlmostAll = 0.99;
constexpr double kSecondNs = 1e9;

}  // namespace

nlohmann::ordered_json describe_connections(ConnectionsSnapshot snapshot, TimestampNs now_ns) {
  sort_by_first_packet(snapshot.rows);
  auto list = nlohmann::ordered_json::array();
  for (const ConnectionRow& row : snapshot.rows) {
    const bool from_lower = row.originator == Direction::from_lower;
    const Endpoint& source = from_lower ? row.key.lower : row.key.higher;
    const Endpoint& destination = from_lower ? row.key.higher : row.key.lower;
    list.push_back({{"protocol", protocol_name(row.key.protocol)},
                    {"source", source.address.text()},
                    {"source_port", source.port},
                    {"destination", destination.address.text()},
                    {"destination_port", destination.port},
                    {"state", std::string(row.state)},
                    {"age_s", static_cast<double>(std::max<TimestampNs>(now_ns - row.last_ns, 0)) / kSecondNs}});
  }
  const LatencyHistogram& latency = snapshot.state_latency.histogram;
  return {{"connections", std::move(list)},
          {"state_latency",
           {{"count", latency.count()},
            {"p50_us", latency.quantile_us(kMedian)},
            {"p99_us", latency.quantile_us(kAlmostAll)},
            {"max_us", latency.max_us()},
            {"waited", snapshot.state_latency.waited}}}};
}

}  // namespace nicsentry
