// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>

#include "host/api/json/status_json.h"
#include "host/api/server/router.h"

namespace nicsentry {

// /status: what a run knows of itself. Any thread may call `take`.
void add_status_routes(Router& router, std::function<RunStatus()> take);

}  // namespace nicsentry
