// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>

#include "host/analysis/connections_snapshot.h"
#include "host/api/json/connections_json.h"
#include "host/api/server/router.h"

namespace nicsentry {

// Each connection from the end that sent first to the other one, and how soon states were in force.
ConnectionsAnswer describe_connections(ConnectionsSnapshot snapshot, TimestampNs now_ns);

// /connections. `take` throws Conflict where the run tracks no connections. Any thread may call it.
void add_connections_routes(Router& router, std::function<ConnectionsSnapshot()> take);

}  // namespace nicsentry
