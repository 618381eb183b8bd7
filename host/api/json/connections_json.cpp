// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/connections_json.h"

#include <utility>

namespace nicsentry {
namespace {

using json_fields::kNumber;

ListedConnection decode_connection(Fields fields) {
  ListedConnection connection;
  connection.protocol = fields.get<std::string>("protocol", "a protocol");
  connection.source = fields.get<std::string>("source", "an address");
  connection.source_port = fields.get<std::uint16_t>("source_port", "a port");
  connection.destination = fields.get<std::string>("destination", "an address");
  connection.destination_port = fields.get<std::uint16_t>("destination_port", "a port");
  connection.vlan = fields.get<std::string>("vlan", "a VLAN");
  connection.state = fields.get<std::string>("state", "a state");
  connection.age_s = fields.get<double>("age_s", "a number of seconds");
  return connection;
}

}  // namespace

nlohmann::ordered_json encode(const ConnectionsAnswer& answer) {
  auto list = nlohmann::ordered_json::array();
  for (const ListedConnection& connection : answer.connections) {
    list.push_back({{"protocol", connection.protocol},
                    {"source", connection.source},
                    {"source_port", connection.source_port},
                    {"destination", connection.destination},
                    {"destination_port", connection.destination_port},
                    {"vlan", connection.vlan},
                    {"state", connection.state},
                    {"age_s", connection.age_s}});
  }
  const StateLatencyAnswer& latency = answer.state_latency;
  return {{"connections", std::move(list)},
          {"state_latency",
           {{"count", latency.count},
            {"p50_us", latency.p50_us},
            {"p99_us", latency.p99_us},
            {"max_us", latency.max_us},
            {"waited", latency.waited}}}};
}

template <>
ConnectionsAnswer decode(const nlohmann::json& answer) {
  Fields fields(answer, Origin::answer);
  ConnectionsAnswer decoded;
  const nlohmann::json& list = fields.list("connections");
  decoded.connections.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    decoded.connections.push_back(decode_connection(fields.element("connections", list, i)));
  }
  Fields latency = fields.object("state_latency");
  decoded.state_latency.count = latency.get<std::uint64_t>("count", kNumber);
  decoded.state_latency.p50_us = latency.get<double>("p50_us", kNumber);
  decoded.state_latency.p99_us = latency.get<double>("p99_us", kNumber);
  decoded.state_latency.max_us = latency.get<double>("max_us", kNumber);
  decoded.state_latency.waited = latency.get<std::uint64_t>("waited", kNumber);
  return decoded;
}

}  // namespace nicsentry
