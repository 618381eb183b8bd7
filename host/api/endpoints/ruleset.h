// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/api/endpoints/run_firewall.h"
#include "host/api/server/router.h"

namespace nicsentry {

// /ruleset: rules, settings and sets in force as a document; another one in its place; what that would change.
void add_ruleset_routes(Router& router, const RunFirewall& run);

}  // namespace nicsentry
