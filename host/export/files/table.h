// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "host/export/files/service_names.h"
#include "host/report/session_groups.h"
#include "host/report/table_order.h"
#include "host/report/window_report.h"

namespace nicsentry {

struct TableOptions {
  unsigned width = 0;            // columns of the terminal; 0: no limit
  std::size_t top = 10;          // rows
  std::optional<Grouping> by{};  // a row for what sessions have in common; none: a row for each session
  TableOrder order = TableOrder::packets;
  bool local_time = false;           // of this machine (TZ), in place of UTC
  ServiceNames* services = nullptr;  // names for servers' ports; none: numbers
};

// Formats a window for a terminal, in ASCII: a title, the first sessions (or groups of them) in their order, and each
// attachment's accounting. The title of groups names the largest one, or says that none stands out. Lost, left-out and
// refused packets are in capitals. A duration with "~" may be longer than the true one by up to
// last_packet_uncertainty_ns. Ends with a line end.
std::string format_table(const WindowReport& report, const TableOptions& options);

}  // namespace nicsentry
