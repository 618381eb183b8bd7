// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "host/report/traffic.h"
#include "host/report/window_report.h"

namespace nicsentry {

// A point in time, in a column whose name ends in _ns. JSON has it as text, too, in a field that ends in _time: many
// readers take numbers for doubles, which do not hold nanoseconds since 1970.
struct PointInTime {
  TimestampNs ns = 0;
};
using Value = std::variant<std::uint64_t, std::int64_t, std::string, PointInTime, bool>;

// "start_time" of "start_ns".
std::string time_name(const std::string& ns_name);

// The columns of the tidy formats, in order, and how to compute them. This is the only place that defines them.
// docs/formats.md and docs/schemas/ describe their meaning.
template <typename Row>
struct Column {
  std::string name;
  std::function<Value(const Row&)> value;
};

template <typename Row>
using Columns = std::vector<Column<Row>>;

struct SessionRow {
  const WindowReport& window;
  const SessionWindow& session;
};

struct PacketRow {
  std::uint64_t window;
  const SessionWindow& session;
  const PacketFeatures& packet;
};

// A row of `windows`: one attachment in one window.
struct WindowRow {
  const WindowReport& window;
  const Accounting& attachment;
};

struct HostRow {
  const WindowReport& window;
  const HostSums& host;
};

struct PortRow {
  const WindowReport& window;
  const PortSums& port;
};

const Columns<SessionRow>& session_columns();
const Columns<PacketRow>& packet_columns();
const Columns<WindowRow>& window_row_columns();
const Columns<HostRow>& host_columns();
const Columns<PortRow>& port_columns();

// The two parts of window_row_columns().
const Columns<WindowReport>& window_columns();
const Columns<Accounting>& attachment_columns();

}  // namespace nicsentry
