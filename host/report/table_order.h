// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/report/session_groups.h"
#include "host/report/window_report.h"

namespace nicsentry {

// A column by which the rows of a table are put in order: the largest number, or the first text, comes first.
enum class TableOrder : std::uint8_t {
  packets,
  bytes,
  to_server,
  to_client,
  bytes_to_server,
  bytes_to_client,
  in,
  out,
  dropped,
  duration,  // of sessions only, as those that follow
  client,
  server,
  protocol,
  sessions,  // of groups only, as those that follow
  name,
};

// "packets" or "rate", "bytes" or "bits", "to-server", ... `grouped`: of a table of groups. Throws BadRequest for what
// is no column of the table.
TableOrder parse_table_order(std::string_view word, bool grouped);

// The words that parse_table_order() takes.
std::vector<std::string> table_order_words(bool grouped);

// Whether the left one stands before the right one. Equal ones are in order of packets, then of their ids or names.
bool stands_before(const SessionWindow& left, const SessionWindow& right, TableOrder order);
bool stands_before(const SessionGroup& left, const SessionGroup& right, TableOrder order);

}  // namespace nicsentry
