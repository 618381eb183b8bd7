// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/api/endpoints/run_firewall.h"
#include "host/api/server/router.h"

namespace nicsentry {

// /sets: the list, one set's entries, entries to add and to remove, a set replaced or removed.
void add_sets_routes(Router& router, const RunFirewall& run);

}  // namespace nicsentry
