// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "host/report/columns.h"
#include "host/report/profile.h"
#include "host/report/window_report.h"

namespace nicsentry {

// The rows of a window in the tidy tables. `take` gets each row.
template <typename Take>
void each_session_row(const WindowReport& report, Profile profile, const Take& take) {
  for (const SessionWindow& session : report.sessions) {
    if (has_ddos(profile) || crypto_tracks(session.protocol)) take(SessionRow{report.number, session});
  }
}

template <typename Take>
void each_packet_row(const WindowReport& report, const Take& take) {
  for (const SessionWindow& session : report.sessions) {
    for (const PacketFeatures& packet : session.packets) take(PacketRow{report.number, session, packet});
  }
}

template <typename Take>
void each_window_row(const WindowReport& report, const Take& take) {
  for (const Accounting& attachment : report.attachments) take(WindowRow{report, attachment});
}

enum class TidyTableName : std::uint8_t { sessions, packets, windows };

// "sessions", "packets", "windows". Throws Error for any other name.
TidyTableName parse_table_name(std::string_view name);

// Hands a window's rows of a table as JSON lines to `write`, many lines at a time, until it returns false.
void write_json_rows(const WindowReport& report, TidyTableName table, Profile profile,
                     const std::function<bool(std::string_view lines)>& write);

}  // namespace nicsentry
