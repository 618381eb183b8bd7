// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/connections.h"

#include <algorithm>
#include <utility>

#include "host/api/json/resources.h"
#include "host/base/wall_clock.h"

namespace nicsentry {
namespace {

constexpr double kMedian = 0.5;
constexpr double kAlmostAll = 0.99;
constexpr double kSecondNs = 1e9;

ListedConnection listed(const ConnectionRow& row, TimestampNs now_ns) {
  const bool from_lower = row.originator == Direction::from_lower;
  const Endpoint& source = from_lower ? row.key.lower : row.key.higher;
  const Endpoint& destination = from_lower ? row.key.higher : row.key.lower;
  ListedConnection connection;
  connection.protocol = protocol_name(row.key.protocol);
  connection.source = source.address.text();
  connection.source_port = source.port;
  connection.destination = destination.address.text();
  connection.destination_port = destination.port;
  connection.vlan = row.key.vlans.text();
  connection.state = row.state;
  connection.age_s = static_cast<double>(std::max<TimestampNs>(now_ns - row.last_ns, 0)) / kSecondNs;
  return connection;
}

}  // namespace

ConnectionsAnswer describe_connections(ConnectionsSnapshot snapshot, TimestampNs now_ns) {
  sort_by_first_packet(snapshot.rows);
  ConnectionsAnswer answer;
  answer.connections.reserve(snapshot.rows.size());
  for (const ConnectionRow& row : snapshot.rows) {
    answer.connections.push_back(listed(row, now_ns));
  }
  const LatencyHistogram& latency = snapshot.state_latency.histogram;
  answer.state_latency = {latency.count(), latency.quantile_us(kMedian), latency.quantile_us(kAlmostAll),
                          latency.max_us(), snapshot.state_latency.waited};
  return answer;
}

void add_connections_routes(Router& router, std::function<ConnectionsSnapshot()> take) {
  router.add("GET", resource::kConnections, Lane::slow, [take = std::move(take)](const Request&) {
    return encode(describe_connections(take(), wall_clock_ns()));
  });
}

}  // namespace nicsentry
