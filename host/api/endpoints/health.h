// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>

#include "host/api/server/router.h"

namespace nicsentry {

// /healthz: 200 while the event loop turns, else 503; without a token, and without a word about the run. `turns` is
// called on any thread, and waits for nobody.
void add_health_routes(Router& router, std::function<bool()> turns);

}  // namespace nicsentry
