// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "host/report/session_groups.h"
#include "host/report/window_report.h"

namespace nicsentry {

struct TableOptions {
  unsigned width = 0;            // columns of the terminal; 0: no limit
  std::size_t top = 10;          // rows
  std::optional<Grouping> by{};  // a row for what sessions have in common; none: a row for each session
};

// Formats a window for a terminal, in ASCII: a title, the sessions (or groups of them) with the most packets, and each
// attachment's accounting. Lost, left-out and refused packets are in capitals. A duration with "~" may be longer than
// the true one by up to last_packet_uncertainty_ns. Ends with a line end.
std::string format_table(const WindowReport& report, const TableOptions& options);

}  // namespace nicsentry
