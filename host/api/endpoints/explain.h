// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/api/endpoints/run_firewall.h"
#include "host/api/json/explain_json.h"
#include "host/api/server/router.h"

namespace nicsentry {

// Asks a copy of the program what it does with packets. Throws Conflict where the program cannot be asked.
ExplainAnswer explain_packets(const Firewall& firewall, const EnforcingProgram& program, const ExplainRequest& request);

// /rules/{chain}/explain: the same of a run.
void add_explain_routes(Router& router, const RunFirewall& run);

}  // namespace nicsentry
