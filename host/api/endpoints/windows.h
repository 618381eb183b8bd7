// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>

#include "host/api/json/window_json.h"
#include "host/api/server/router.h"

namespace nicsentry {

// /windows: a POST ends the open window. `end` returns when the window's files are written; any thread may call it.
void add_windows_routes(Router& router, std::function<EndedWindow()> end);

}  // namespace nicsentry
