// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/api/json/fields.h"
#include "host/report/live_sessions.h"
#include "host/report/session_groups.h"
#include "host/report/window_report.h"

namespace nicsentry {

struct ListedSession {
  SessionWindow session;  // `places`, features of packets and `server_direction` are not in JSON
  LiveRate rate;
  std::string interfaces;
  std::string service;  // "https"; empty: the server's port has no name
};

struct ListedGroup {
  SessionGroup group;  // `places` and `place` are not in JSON
  LiveRate rate;
  std::string interfaces;
  std::string service;  // of groups by server port
};

struct ListedAttachment {
  std::string interface;
  std::string hook;
  std::string mode;
};

// Rows of the open window.
struct SessionsAnswer {
  std::uint64_t window = 0;
  TimestampNs time_ns = 0;   // of the reading
  TimestampNs start_ns = 0;  // of the window
  std::vector<ListedAttachment> attachments;
  std::string by;           // empty: sessions
  std::uint64_t total = 0;  // rows before paging
  std::uint64_t offset = 0;
  std::uint64_t limit = 0;
  struct Sums {
    std::uint64_t sessions = 0;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    LiveRate rate;
  };
  Sums sums;  // of all rows before paging
  std::vector<ListedSession> sessions;
  std::vector<ListedGroup> groups;
};
nlohmann::ordered_json encode(const SessionsAnswer& answer);
template <>
SessionsAnswer decode(const nlohmann::json& answer);

// The traffic of the last hour, second after second.
struct TrafficAnswer {
  TimestampNs time_ns = 0;
  std::vector<AttachmentTraffic> attachments;
  struct OfProtocol {
    std::string protocol;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    LiveRate rate;
  };
  std::vector<OfProtocol> protocols;  // of the open window
};
nlohmann::ordered_json encode(const TrafficAnswer& answer);
template <>
TrafficAnswer decode(const nlohmann::json& answer);

}  // namespace nicsentry
