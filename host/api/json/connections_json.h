// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/api/json/fields.h"

namespace nicsentry {

// A connection, from the end that sent first to the other one.
struct ListedConnection {
  std::string protocol;
  std::string source;
  std::uint16_t source_port = 0;
  std::string destination;
  std::uint16_t destination_port = 0;
  std::string vlan{};  // "10", "10.20"; empty where VLANs are not part of sessions, or there is none
  std::string state;
  double age_s = 0;  // since its last packet
};

// The time from a connection's first packet until its states were in force.
struct StateLatencyAnswer {
  std::uint64_t count = 0;
  double p50_us = 0;
  double p99_us = 0;
  double max_us = 0;
  std::uint64_t waited = 0;  // connections that had to wait for a place in a table until a later window
};

struct ConnectionsAnswer {
  std::vector<ListedConnection> connections;
  StateLatencyAnswer state_latency;
};

nlohmann::ordered_json encode(const ConnectionsAnswer& answer);
template <>
ConnectionsAnswer decode(const nlohmann::json& answer);

}  // namespace nicsentry
