// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "host/report/columns.h"
#include "host/report/profile.h"
#include "host/report/traffic.h"
#include "host/report/window_report.h"

namespace nicsentry {

inline bool in_profile(const SessionWindow& session, Profile profile) {
  return has_ddos(profile) || crypto_tracks(session.protocol);
}

// The sessions of a profile.
std::vector<const SessionWindow*> sessions_in(const WindowReport& report, Profile profile);

// The rows of a window in the tidy tables. `take` gets each row.
template <typename Take>
void each_session_row(const WindowReport& report, Profile profile, const Take& take) {
  for (const SessionWindow& session : report.sessions) {
    if (in_profile(session, profile)) take(SessionRow{report, session});
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

// `most`: rows of a window beside one for the rest; 0: no limit.
template <typename Take>
void each_host_row(const WindowReport& report, Profile profile, std::size_t most, const Take& take) {
  for (const HostSums& host : host_traffic(sessions_in(report, profile), most)) take(HostRow{report, host});
}

template <typename Take>
void each_port_row(const WindowReport& report, Profile profile, std::size_t most, const Take& take) {
  for (const PortSums& port : port_traffic(sessions_in(report, profile), most)) take(PortRow{report, port});
}

constexpr std::size_t kTrafficRows = 1000;  // of hosts and ports, unless the user wants others

enum class TidyTableName : std::uint8_t { sessions, packets, windows, hosts, ports };

// "sessions", "packets", "windows", "hosts", "ports". Throws Error for any other name.
TidyTableName parse_table_name(std::string_view name);

// Hands a window's rows of a table as JSON lines to `write`, many lines at a time, until it returns false.
// `most`: see each_host_row().
void write_json_rows(const WindowReport& report, TidyTableName table, Profile profile, std::size_t most,
                     const std::function<bool(std::string_view lines)>& write);

}  // namespace nicsentry
