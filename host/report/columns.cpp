// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/report/columns.h"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace nicsentry {
namespace {

Value count(std::uint64_t number) { return number; }

std::string server_method_name(ServerMethod method) {
  switch (method) {
    case ServerMethod::handshake:
      return "handshake";
    case ServerMethod::port_below_1024:
      return "port_below_1024";
    case ServerMethod::lower_port:
      return "lower_port";
  }
  return "unnamed_method";
}

// Adds "packets_<name>" and "bytes_<name>".
template <typename AmountOf>
void add_amount(Columns<Accounting>& columns, const std::string& name, AmountOf amount_of) {
  columns.push_back(
      {"packets_" + name, [amount_of](const Accounting& attachment) { return amount_of(attachment).packets; }});
  columns.push_back(
      {"bytes_" + name, [amount_of](const Accounting& attachment) { return amount_of(attachment).bytes; }});
}

Columns<Accounting> make_attachment_columns() {
  Columns<Accounting> columns{
      {"interface", [](const Accounting& attachment) { return attachment.interface; }},
      {"hook", [](const Accounting& attachment) { return attachment.hook; }},
      {"mode", [](const Accounting& attachment) { return attachment.mode; }},
  };
  add_amount(columns, "in", [](const Accounting& attachment) { return attachment.in(); });
  add_amount(columns, "on_sessions", [](const Accounting& attachment) { return attachment.on_sessions; });
  add_amount(columns, "unknown", [](const Accounting& attachment) { return attachment.unknown; });
  for (const not_understood cause : kCauses) {
    const auto index = static_cast<std::size_t>(cause);
    add_amount(columns, cause_name(cause),
               [index](const Accounting& attachment) { return attachment.not_understood.at(index); });
  }
  add_amount(columns, "dropped", [](const Accounting& attachment) { return attachment.dropped; });
  add_amount(columns, "unjudged", [](const Accounting& attachment) { return attachment.unjudged; });
  add_amount(columns, "learned", [](const Accounting& attachment) { return attachment.learned; });
  const Columns<Accounting> rest{
      {"events_sent", [](const Accounting& attachment) { return attachment.events_sent(); }},
      {"events_arrived", [](const Accounting& attachment) { return attachment.events_arrived(); }},
      {"events_lost", [](const Accounting& attachment) { return attachment.events_lost(); }},
      {"unknown_events_sent", [](const Accounting& attachment) { return attachment.unknown_events_sent; }},
      {"unknown_events_arrived", [](const Accounting& attachment) { return attachment.unknown_events_arrived; }},
      {"unknown_events_lost",
       [](const Accounting& attachment) { return attachment.unknown_events_sent - attachment.unknown_events_arrived; }},
      {"unknown_left_out", [](const Accounting& attachment) { return attachment.unknown_left_out(); }},
      {"sessions_active", [](const Accounting& attachment) { return attachment.sessions_active; }},
      {"sessions_new", [](const Accounting& attachment) { return attachment.sessions_new; }},
      {"sessions_refused", [](const Accounting& attachment) { return attachment.sessions_refused; }},
  };
  columns.insert(columns.end(), rest.begin(), rest.end());
  add_amount(columns, "copies", [](const Accounting& attachment) { return attachment.copies; });
  return columns;
}

Columns<WindowRow> make_window_row_columns() {
  Columns<WindowRow> columns;
  for (const auto& column : window_columns()) {
    columns.push_back({column.name, [value = column.value](const WindowRow& row) { return value(row.window); }});
  }
  for (const auto& column : attachment_columns()) {
    columns.push_back({column.name, [value = column.value](const WindowRow& row) { return value(row.attachment); }});
  }
  return columns;
}

__extension__ using WideAmount = unsigned __int128;

// An amount of a window in a second of it, times `unit`, to the nearest integer; 0 in a window without length. A double
// is exact only up to 2^53.
std::uint64_t nearest_per_second(std::uint64_t amount, unsigned unit, const WindowReport& window) {
  if (window.end_ns <= window.start_ns) return 0;
  constexpr unsigned kNsPerSecond = 1'000'000'000;
  const WideAmount length = static_cast<std::uint64_t>(window.end_ns - window.start_ns);
  const WideAmount nearest = (WideAmount{amount} * unit * kNsPerSecond + length / 2) / length;
  return static_cast<std::uint64_t>(std::min<WideAmount>(nearest, std::numeric_limits<std::uint64_t>::max()));
}

// Behind the columns of a row's own: rates, directions, drops and interfaces of its sessions. `traffic_of` gives the
// HostSums or PortSums.
template <typename Row, typename TrafficOf>
void add_traffic(Columns<Row>& columns, TrafficOf traffic_of) {
  constexpr unsigned kBits = 8;
  const Columns<Row> more{
      {"packets_per_second",
       [traffic_of](const Row& row) { return nearest_per_second(traffic_of(row).packets(), 1, row.window); }},
      {"bits_per_second",
       [traffic_of](const Row& row) { return nearest_per_second(traffic_of(row).bytes(), kBits, row.window); }},
      {"packets_in", [traffic_of](const Row& row) { return traffic_of(row).packets() - traffic_of(row).out.packets; }},
      {"bytes_in", [traffic_of](const Row& row) { return traffic_of(row).bytes() - traffic_of(row).out.bytes; }},
      {"packets_out", [traffic_of](const Row& row) { return traffic_of(row).out.packets; }},
      {"bytes_out", [traffic_of](const Row& row) { return traffic_of(row).out.bytes; }},
      {"sessions_dropped", [traffic_of](const Row& row) { return traffic_of(row).sessions_dropped; }},
      {"interfaces",
       [traffic_of](const Row& row) { return interfaces_text(row.window.attachments, traffic_of(row).places); }},
  };
  columns.insert(columns.end(), more.begin(), more.end());
}

template <typename Row>
Columns<Row> window_start() {
  return {{"window", [](const Row& row) { return row.window.number; }},
          {"start_ns", [](const Row& row) { return PointInTime{row.window.start_ns}; }},
          {"end_ns", [](const Row& row) { return PointInTime{row.window.end_ns}; }}};
}

Columns<HostRow> make_host_columns() {
  Columns<HostRow> columns = window_start<HostRow>();
  const Columns<HostRow> own{
      {"hosts", [](const HostRow& row) { return row.host.hosts; }},
      {"host_ip", [](const HostRow& row) { return row.host.hosts == 1 ? row.host.address.text() : std::string(); }},
      {"sessions_as_client", [](const HostRow& row) { return row.host.sessions_as_client; }},
      {"sessions_as_server", [](const HostRow& row) { return row.host.sessions_as_server; }},
      {"packets_sent", [](const HostRow& row) { return row.host.sent.packets; }},
      {"packets_received", [](const HostRow& row) { return row.host.received.packets; }},
      {"bytes_sent", [](const HostRow& row) { return row.host.sent.bytes; }},
      {"bytes_received", [](const HostRow& row) { return row.host.received.bytes; }},
  };
  columns.insert(columns.end(), own.begin(), own.end());
  add_traffic(columns, [](const HostRow& row) -> const HostSums& { return row.host; });
  return columns;
}

Columns<PortRow> make_port_columns() {
  Columns<PortRow> columns = window_start<PortRow>();
  const Columns<PortRow> own{
      {"ports", [](const PortRow& row) { return row.port.ports; }},
      {"protocol",
       [](const PortRow& row) { return std::string(row.port.ports == 1 ? protocol_name(row.port.protocol) : ""); }},
      {"server_port", [](const PortRow& row) { return count(row.port.port); }},
      {"sessions", [](const PortRow& row) { return row.port.sessions; }},
      {"packets_server", [](const PortRow& row) { return row.port.from_server.packets; }},
      {"packets_client", [](const PortRow& row) { return row.port.from_client.packets; }},
      {"bytes_server", [](const PortRow& row) { return row.port.from_server.bytes; }},
      {"bytes_client", [](const PortRow& row) { return row.port.from_client.bytes; }},
  };
  columns.insert(columns.end(), own.begin(), own.end());
  add_traffic(columns, [](const PortRow& row) -> const PortSums& { return row.port; });
  return columns;
}

}  // namespace

std::string time_name(const std::string& ns_name) { return ns_name.substr(0, ns_name.rfind("_ns")) + "_time"; }

const Columns<SessionRow>& session_columns() {
  static const Columns<SessionRow> columns{
      {"window", [](const SessionRow& row) { return row.window.number; }},
      {"session", [](const SessionRow& row) { return row.session.id; }},
      {"client_ip", [](const SessionRow& row) { return row.session.client.address.text(); }},
      {"client_port", [](const SessionRow& row) { return count(row.session.client.port); }},
      {"server_ip", [](const SessionRow& row) { return row.session.server.address.text(); }},
      {"server_port", [](const SessionRow& row) { return count(row.session.server.port); }},
      {"ip_version", [](const SessionRow& row) { return count(row.session.server.address.version); }},
      {"protocol", [](const SessionRow& row) { return protocol_name(row.session.protocol); }},
      {"server_method", [](const SessionRow& row) { return server_method_name(row.session.server_method); }},
      {"packets_server", [](const SessionRow& row) { return row.session.packets_server; }},
      {"packets_client", [](const SessionRow& row) { return row.session.packets_client; }},
      {"bytes_server", [](const SessionRow& row) { return row.session.bytes_server; }},
      {"bytes_client", [](const SessionRow& row) { return row.session.bytes_client; }},
      {"first_packet_ns", [](const SessionRow& row) { return PointInTime{row.session.first_packet_ns}; }},
      {"last_packet_ns", [](const SessionRow& row) { return PointInTime{row.session.last_packet_ns}; }},
      {"last_packet_uncertainty_ns", [](const SessionRow& row) { return row.session.last_packet_uncertainty_ns; }},
      {"duration_ns", [](const SessionRow& row) { return row.session.last_packet_ns - row.session.first_packet_ns; }},
      {"packets_captured", [](const SessionRow& row) { return count(row.session.packets.size()); }},
      {"vlan", [](const SessionRow& row) { return row.session.vlans.text(); }},
      {"dropped", [](const SessionRow& row) { return row.session.dropped; }},
      {"interfaces", [](const SessionRow& row) { return interfaces_text(row.window.attachments, row.session.places); }},
  };
  return columns;
}

const Columns<PacketRow>& packet_columns() {
  static const Columns<PacketRow> columns{
      {"window", [](const PacketRow& row) { return row.window; }},
      {"session", [](const PacketRow& row) { return row.session.id; }},
      {"timestamp_ns", [](const PacketRow& row) { return PointInTime{row.packet.timestamp_ns}; }},
      {"sender",
       [](const PacketRow& row) { return row.packet.direction == row.session.server_direction ? "server" : "client"; }},
      {"bytes", [](const PacketRow& row) { return count(row.packet.bytes); }},
      {"ip_flags_fragment", [](const PacketRow& row) { return count(row.packet.ip_flags_fragment); }},
      {"tcp_flags", [](const PacketRow& row) { return count(row.packet.tcp_flags); }},
      {"tcp_window", [](const PacketRow& row) { return count(row.packet.tcp_window); }},
      {"udp_payload_bytes", [](const PacketRow& row) { return count(row.packet.udp_payload_bytes); }},
      {"icmp_type", [](const PacketRow& row) { return count(row.packet.icmp_type); }},
  };
  return columns;
}

const Columns<HostRow>& host_columns() {
  static const Columns<HostRow> columns = make_host_columns();
  return columns;
}

const Columns<PortRow>& port_columns() {
  static const Columns<PortRow> columns = make_port_columns();
  return columns;
}

const Columns<WindowReport>& window_columns() {
  static const Columns<WindowReport> columns{
      {"window", [](const WindowReport& report) { return report.number; }},
      {"start_ns", [](const WindowReport& report) { return PointInTime{report.start_ns}; }},
      {"end_ns", [](const WindowReport& report) { return PointInTime{report.end_ns}; }},
  };
  return columns;
}

const Columns<Accounting>& attachment_columns() {
  static const Columns<Accounting> columns = make_attachment_columns();
  return columns;
}

const Columns<WindowRow>& window_row_columns() {
  static const Columns<WindowRow> columns = make_window_row_columns();
  return columns;
}

}  // namespace nicsentry
