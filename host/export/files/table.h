// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/export/files/service_names.h"
#include "host/report/live_sessions.h"
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

// The cells of a row that are not in its counts.
struct RowExtras {
  LiveRate rate;
  std::string interfaces;
};

// The facts on which the columns of a table depend.
struct TableColumns {
  bool out = false;         // packets that leave are seen, too
  bool interfaces = false;  // there are several
  std::optional<Grouping> by{};
  TableOrder order = TableOrder::packets;
  ServiceNames* services = nullptr;
};

// The lines of a table of rows that are in order already, as format_table() has them: one of titles, and one a row.
// `extras`: of each row. `width`: 0: no limit. `all_packets`: of all groups, also of those without a row.
std::vector<std::string> table_of(const std::vector<const SessionWindow*>& sessions,
                                  const std::vector<RowExtras>& extras, const TableColumns& columns, unsigned width);
std::vector<std::string> table_of(const std::vector<const SessionGroup*>& groups, const std::vector<RowExtras>& extras,
                                  std::uint64_t all_packets, const TableColumns& columns, unsigned width);

// "874.2", "4.4 k", "26.1 M" of a number a second; "1.8 kB" of bytes.
std::string table_rate_text(double rate);
std::string table_bytes_text(std::uint64_t bytes);

}  // namespace nicsentry
