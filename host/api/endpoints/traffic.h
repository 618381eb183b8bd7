// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "host/api/json/live_json.h"
#include "host/api/server/router.h"
#include "host/report/live_sessions.h"

namespace nicsentry {

// Any thread may call these.
struct LiveTraffic {
  std::function<std::shared_ptr<const LiveSessions>()> sessions;  // throws Unavailable
  std::function<std::vector<AttachmentTraffic>(TimestampNs since_ns)> history;
};

// Sums of the open window by protocol, those with the most packets first.
std::vector<TrafficAnswer::OfProtocol> protocol_sums(const LiveSessions& live);

// /traffic: seconds of the last hour of each attachment.
void add_traffic_routes(Router& router, LiveTraffic traffic);

}  // namespace nicsentry
