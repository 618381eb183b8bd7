// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>

#include "host/report/window_report.h"

namespace nicsentry {

// A window's accounting for scripts: window, start_ns, end_ns, sessions (how many), packets_in and bytes_in of all
// attachments, attachments (a list of objects named as the columns of `windows`). Bytes of names that are no UTF-8 are
// not checked here: dump with error_handler_t::replace.
nlohmann::ordered_json window_json(const WindowReport& report);

}  // namespace nicsentry
