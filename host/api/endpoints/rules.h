// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "host/api/endpoints/run_firewall.h"
#include "host/api/server/router.h"

namespace nicsentry {

// /rules: both chains with their counters, batches, settings of chains, confirmation, reset of counters. `caution`:
// what a user must know who drops incoming packets by default.
void add_rules_routes(Router& router, const RunFirewall& run, const std::optional<std::string>& caution);

}  // namespace nicsentry
