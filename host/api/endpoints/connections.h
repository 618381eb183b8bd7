// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>

#include "host/analysis/connections_snapshot.h"
#include "host/packet/features.h"

namespace nicsentry {

// {"connections": [...], "state_latency": {...}}: each connection from who sent first to whom, with its state and the
// time since its last packet; and how long after their first packets states came into force.
nlohmann::ordered_json describe_connections(ConnectionsSnapshot snapshot, TimestampNs now_ns);

}  // namespace nicsentry
