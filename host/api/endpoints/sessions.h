// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>

#include "host/api/json/live_json.h"
#include "host/api/json/live_query.h"
#include "host/api/server/router.h"
#include "host/report/live_sessions.h"

namespace nicsentry {

// Takes what the open window has so far. Any thread may call it. Throws Unavailable where the run does not answer.
using TakeSessions = std::function<std::shared_ptr<const LiveSessions>()>;

// The rows that a query asks for. `service_of` names a server's port; it gives "" where the port has no name. Throws
// BadRequest for a wrong filter, grouping or order.
using ServiceOf = std::function<std::string(Protocol protocol, std::uint16_t port)>;
SessionsAnswer describe_sessions(const LiveSessions& live, const SessionsQuery& query, const ServiceOf& service_of);

// /sessions: the open window so far.
void add_sessions_routes(Router& router, TakeSessions take);

}  // namespace nicsentry
