// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>

#include "host/report/window_report.h"

namespace nicsentry {

// Returns a window's accounting for scripts: window, start_ns, end_ns, sessions (number), packets_in and bytes_in of
// all attachments, and a list of attachments with the columns of `windows`. Names may contain invalid UTF-8: dump with
// error_handler_t::replace.
nlohmann::ordered_json window_json(const WindowReport& report);

}  // namespace nicsentry
