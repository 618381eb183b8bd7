// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/table.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <ctime>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "host/export/files/table_layout.h"
#include "host/report/traffic.h"

namespace nicsentry {
namespace {

using Texts = std::vector<std::string>;

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t ms_per_second = 1'000;
constexpr std::size_t least_indented_width = 30;  // of a line that is continued

// A group with a larger part of all packets is named in the title.
constexpr double outstanding_part = 0.1;

// Replaces control characters. Names come from outside (a capture's name) and must not move a terminal's cursor.
std::string printable(std::string text) {
  for (char& character : text) {
    if (character < ' ' || character > '~') character = '?';
  }
  return text;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 7> units{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} {}", bytes, units[0]);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 999.95 and more would be printed as "1000.0".
  while (value >= 999.95 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, units.at(unit));
}

std::string seconds_text(std::int64_t ns) {
  return fmt::format("{}.{:03} s", ns / ns_per_ms / ms_per_second, ns / ns_per_ms % ms_per_second);
}

// "874.2", "4.4 k", "26.1 M" of a number a second.
std::string human_rate(double rate) {
  constexpr std::array<std::string_view, 7> units{"", " k", " M", " G", " T", " P", " E"};
  std::size_t unit = 0;
  while (rate >= 999.95 && unit + 1 < units.size()) {
    rate /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f}{}", rate, units.at(unit));
}

// The extras of a row of a window.
template <typename Row>
RowExtras extras_of(const WindowReport& report, const Row& row) {
  constexpr double bits = 8;
  return {{per_second(row.packets_server + row.packets_client, report),
           bits * per_second(row.bytes_server + row.bytes_client, report)},
          interfaces_text(report.attachments, row.places)};
}

TableColumns columns_of(const WindowReport& report, const TableOptions& options) {
  TableColumns columns{false, false, options.by, options.order, options.services};
  for (const Accounting& attachment : report.attachments) {
    columns.out = columns.out || attachment.hook == "tc-egress";
    columns.interfaces = columns.interfaces || attachment.interface != report.attachments.front().interface;
  }
  return columns;
}

// Columns from the most to the least important: a narrow terminal loses them from the end.
void add_common_columns(const TableColumns& wanted, std::vector<TableColumn>& columns) {
  columns.push_back({"PKTS/S", Alignment::right});
  columns.push_back({"BITS/S", Alignment::right});
  if (wanted.out) {
    columns.push_back({"PKTS IN", Alignment::right});
    columns.push_back({"PKTS OUT", Alignment::right});
  }
  if (wanted.interfaces) columns.push_back({"INTERFACE", Alignment::left});
}

template <typename Row>
void add_common_cells(const TableColumns& wanted, const Row& row, const RowExtras& extras, Texts& cells) {
  const std::uint64_t packets = row.packets_server + row.packets_client;
  cells.push_back(human_rate(extras.rate.packets_per_second));
  cells.push_back(human_rate(extras.rate.bits_per_second));
  if (wanted.out) {
    cells.push_back(fmt::to_string(packets - row.out.packets));
    cells.push_back(fmt::to_string(row.out.packets));
  }
  if (wanted.interfaces) cells.push_back(printable(extras.interfaces));
}

struct ShownTime {
  std::string date;
  std::string time;  // in milliseconds, rounded down
  std::string zone;  // "UTC", "CEST"
};

ShownTime shown(TimestampNs timestamp_ns, bool local) {
  const auto [seconds, ms] = [&] {
    const std::int64_t all_ms = timestamp_ns / ns_per_ms - (timestamp_ns % ns_per_ms < 0 ? 1 : 0);
    const std::int64_t rest = (all_ms % ms_per_second + ms_per_second) % ms_per_second;
    return std::pair{(all_ms - rest) / ms_per_second, rest};
  }();
  const auto time = static_cast<std::time_t>(seconds);
  std::tm calendar{};
  const bool known = local && localtime_r(&time, &calendar) != nullptr;
  if (!known) calendar = fmt::gmtime(time);
  return {fmt::format("{:%Y-%m-%d}", calendar), fmt::format("{:%H:%M:%S}.{:03}", calendar, ms),
          known ? printable(calendar.tm_zone) : "UTC"};
}

std::string endpoint_text(const Endpoint& endpoint, Protocol protocol, ServiceNames* services = nullptr) {
  std::string address = endpoint.address.text();
  if (protocol == Protocol::icmp || protocol == Protocol::icmpv6) return address;
  const bool brackets = endpoint.address.version == 6;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", address, brackets ? "]" : "",
                     services != nullptr ? services->of(protocol, endpoint.port) : fmt::to_string(endpoint.port));
}

// "UDP", "UDP vlan 10.20", "TCP dropped" where packets of the session were.
std::string protocol_text(const SessionWindow& session) {
  const std::string vlans = session.vlans.text();
  return fmt::format("{}{}{}", protocol_name(session.protocol), vlans.empty() ? "" : " vlan " + vlans,
                     session.dropped ? " dropped" : "");
}

Texts session_cells(const TableColumns& wanted, const SessionWindow& session, const RowExtras& extras) {
  const bool exact = session.last_packet_uncertainty_ns == 0;
  Texts cells{
      endpoint_text(session.client, session.protocol),
      endpoint_text(session.server, session.protocol, wanted.services),
      protocol_text(session),
      fmt::to_string(session.packets_client),
      fmt::to_string(session.packets_server),
      human_bytes(session.bytes_client),
      human_bytes(session.bytes_server),
      fmt::format("{}{}", exact ? "" : "~", seconds_text(session.last_packet_ns - session.first_packet_ns)),
  };
  add_common_cells(wanted, session, extras, cells);
  return cells;
}

// Returns the first sessions in their order.
std::vector<const SessionWindow*> top_sessions(const WindowReport& report, const TableOptions& options) {
  std::vector<const SessionWindow*> sessions;
  sessions.reserve(report.sessions.size());
  for (const SessionWindow& session : report.sessions) sessions.push_back(&session);
  const std::size_t kept = std::min(options.top, sessions.size());
  std::partial_sort(sessions.begin(), sessions.begin() + static_cast<std::ptrdiff_t>(kept), sessions.end(),
                    [&options](const SessionWindow* left, const SessionWindow* right) {
                      return stands_before(*left, *right, options.order);
                    });
  sessions.resize(kept);
  return sessions;
}

// Not of packets: the host sees samples of those that are dropped.
constexpr const char* kDroppedTitle = "DROPPED SESSIONS";

// The title of the column that shows this order. Packets are the sum of two columns, which stay in any table.
std::string_view sorted_title(TableOrder order) {
  switch (order) {
    case TableOrder::bytes:
      return "BITS/S";
    case TableOrder::to_server:
      return "PKTS>SRV";
    case TableOrder::to_client:
      return "PKTS>CLI";
    case TableOrder::bytes_to_server:
      return "BYTES>SRV";
    case TableOrder::bytes_to_client:
      return "BYTES>CLI";
    case TableOrder::in:
      return "PKTS IN";
    case TableOrder::out:
      return "PKTS OUT";
    case TableOrder::dropped:
      return kDroppedTitle;
    case TableOrder::duration:
      return "DURATION";
    case TableOrder::server:
      return "SERVER";
    case TableOrder::protocol:
      return "PROTO";
    case TableOrder::sessions:
      return "SESSIONS";
    case TableOrder::packets:
    case TableOrder::client:
    case TableOrder::name:
      break;
  }
  return {};
}

void mark_sorted(std::vector<TableColumn>& columns, TableOrder order) {
  for (TableColumn& column : columns) column.sorted = column.title == sorted_title(order);
}

Texts session_lines(const TableColumns& wanted, const std::vector<const SessionWindow*>& sessions,
                    const std::vector<RowExtras>& extras, std::size_t width) {
  std::vector<TableColumn> columns{
      {"CLIENT", Alignment::left, true},
      {"SERVER", Alignment::left, true},
      {"PROTO", Alignment::left, false, true},
      {"PKTS>SRV", Alignment::right, false, true},
      {"PKTS>CLI", Alignment::right, false, true},
      {"BYTES>SRV", Alignment::right},
      {"BYTES>CLI", Alignment::right},
      {"DURATION", Alignment::right},
  };
  add_common_columns(wanted, columns);
  mark_sorted(columns, wanted.order);
  std::vector<Texts> rows;
  rows.reserve(sessions.size());
  for (std::size_t i = 0; i < sessions.size(); ++i) rows.push_back(session_cells(wanted, *sessions[i], extras.at(i)));
  return table_lines(columns, rows, width);
}

std::vector<TableColumn> group_columns(const TableColumns& wanted, bool drops) {
  std::string title = grouping_name(*wanted.by, 1);
  std::transform(title.begin(), title.end(), title.begin(),
                 [](char letter) { return static_cast<char>(std::toupper(static_cast<unsigned char>(letter))); });
  std::vector<TableColumn> columns{{title, Alignment::left, true},
                                   {"SESSIONS", Alignment::right, false, true},
                                   {"PKTS>SRV", Alignment::right, false, true},
                                   {"PKTS>CLI", Alignment::right, false, true},
                                   {"BYTES>SRV", Alignment::right},
                                   {"BYTES>CLI", Alignment::right},
                                   {"OF ALL PKTS", Alignment::right}};
  if (drops) columns.push_back({kDroppedTitle, Alignment::right});
  add_common_columns(wanted, columns);
  mark_sorted(columns, wanted.order);
  return columns;
}

double part_of(std::uint64_t packets, std::uint64_t all) {
  return static_cast<double>(packets) / static_cast<double>(std::max<std::uint64_t>(all, 1));
}

// Groups with the most packets first, and how many packets all of them have.
struct Groups {
  std::vector<SessionGroup> rows;
  std::uint64_t packets = 0;
};

Groups groups_of(const WindowReport& report, const Grouping& grouping) {
  Groups groups{group_sessions(report.sessions, grouping)};
  for (const SessionGroup& group : groups.rows) groups.packets += group.packets();
  return groups;
}

std::string percent(double part) { return fmt::format("{:.1f} %", 100 * part); }

// "TCP 443", or "TCP https" where ports have names.
std::string group_name(const SessionGroup& group, const Grouping& by, ServiceNames* services) {
  const bool has_port =
      by.key == Grouping::Key::destination_port && (group.protocol == Protocol::tcp || group.protocol == Protocol::udp);
  if (!has_port || services == nullptr) return group.name;
  return fmt::format("{} {}", protocol_name(group.protocol), services->of(group.protocol, group.port));
}

Texts group_lines(const TableColumns& wanted, const std::vector<const SessionGroup*>& groups,
                  const std::vector<RowExtras>& extras, std::uint64_t all_packets, std::size_t width) {
  const bool drops =
      std::any_of(groups.begin(), groups.end(), [](const SessionGroup* group) { return group->sessions_dropped != 0; });
  std::vector<Texts> rows;
  rows.reserve(groups.size());
  for (std::size_t index = 0; index < groups.size(); ++index) {
    const SessionGroup& group = *groups[index];
    Texts cells{printable(group_name(group, *wanted.by, wanted.services)),
                fmt::to_string(group.sessions),
                fmt::to_string(group.packets_client),
                fmt::to_string(group.packets_server),
                human_bytes(group.bytes_client),
                human_bytes(group.bytes_server),
                percent(part_of(group.packets(), all_packets))};
    if (drops) cells.push_back(fmt::to_string(group.sessions_dropped));
    add_common_cells(wanted, group, extras.at(index), cells);
    rows.push_back(std::move(cells));
  }
  return table_lines(group_columns(wanted, drops), rows, width);
}

// Returns the first groups in their order.
std::vector<const SessionGroup*> top_groups(const Groups& groups, const TableOptions& options) {
  std::vector<const SessionGroup*> sorted;
  sorted.reserve(groups.rows.size());
  for (const SessionGroup& group : groups.rows) sorted.push_back(&group);
  const std::size_t kept = std::min(options.top, sorted.size());
  std::partial_sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(kept), sorted.end(),
                    [&options](const SessionGroup* left, const SessionGroup* right) {
                      return stands_before(*left, *right, options.order);
                    });
  sorted.resize(kept);
  return sorted;
}

template <typename Row>
std::vector<RowExtras> extras_of(const WindowReport& report, const std::vector<const Row*>& rows) {
  std::vector<RowExtras> extras;
  extras.reserve(rows.size());
  for (const Row* row : rows) extras.push_back(extras_of(report, *row));
  return extras;
}

// " of 3 sources, 10.0.0.1 with 97.1 % of their packets", " of 60000 sources, none with more than 0.1 % of ...".
std::string groups_text(const Groups& groups, const TableOptions& options) {
  if (groups.rows.empty()) return {};
  const SessionGroup& largest = groups.rows.front();
  const double part = part_of(largest.packets(), groups.packets);
  constexpr double tenths_of_percent = 1000;
  return fmt::format(" of {} {}, {} of their packets", groups.rows.size(),
                     grouping_name(*options.by, groups.rows.size()),
                     part < outstanding_part
                         ? "none with more than " + percent(std::ceil(part * tenths_of_percent) / tenths_of_percent)
                         : group_name(largest, *options.by, options.services) + " with " + percent(part));
}

// Returns "3 lost", or "3 LOST" in capitals for a number above 0.
std::string alarming(std::uint64_t count, std::string_view quiet, std::string_view loud) {
  return fmt::format("{} {}", count, count == 0 ? quiet : loud);
}

std::string balance_line(const Accounting& attachment) {
  Texts causes;
  std::uint64_t not_understood = 0;
  for (const enum not_understood cause : kCauses) {
    const std::uint64_t packets = attachment.not_understood.at(static_cast<std::size_t>(cause)).packets;
    not_understood += packets;
    if (packets != 0) causes.push_back(fmt::format("{} {}", cause_name(cause), packets));
  }
  const std::string by_cause = causes.empty() ? "" : fmt::format(" ({})", fmt::join(causes, ", "));
  return fmt::format("{} {}/{}: {} packets in = {} on sessions + {} unknown + {} unparsed{}",
                     printable(attachment.interface), printable(attachment.hook), printable(attachment.mode),
                     attachment.in().packets, attachment.on_sessions.packets, attachment.unknown.packets,
                     not_understood, by_cause);
}

Texts attachment_lines(const WindowReport& report, const Accounting& attachment) {
  const Amount in = attachment.in();
  Texts lines{
      balance_line(attachment),
      fmt::format("  rate: {} packets/s, {} bits/s", human_rate(per_second(in.packets, report)),
                  human_rate(8 * per_second(in.bytes, report))),
      fmt::format("  sessions: {} active, {} new, {}", attachment.sessions_active, attachment.sessions_new,
                  alarming(attachment.sessions_refused, "refused", "REFUSED")),
      fmt::format("  events: {} sent, {} arrived, {}, {}", attachment.events_sent(), attachment.events_arrived(),
                  alarming(attachment.events_lost(), "lost", "LOST"),
                  alarming(attachment.unknown_left_out(), "left out", "LEFT OUT")),
  };
  if (attachment.copies.packets != 0) {
    lines.push_back(fmt::format("  copies: {} packets left out ({} bytes), which count where they came in",
                                attachment.copies.packets, attachment.copies.bytes));
  }
  if (attachment.cut_frames != 0) {
    lines.push_back(
        fmt::format("  {} truncated packets are cut behind their headers: --cut-frames counts them by "
                    "their IP length",
                    attachment.cut_frames));
  }
  if (attachment.dropped.packets != 0) {
    lines.push_back(fmt::format(
        "  firewall: {} packets dropped ({} bytes){}", attachment.dropped.packets, attachment.dropped.bytes,
        attachment.unjudged.packets != 0 ? fmt::format(", {} of them unjudged", attachment.unjudged.packets) : ""));
  }
  return lines;
}

std::string outage_line(const Outage& outage, bool local) {
  const std::string when = outage.until_ns
                               ? fmt::format("WAS OFF ITS HOOK, back at {}", shown(*outage.until_ns, local).time)
                               : fmt::format("NOT ON ITS HOOK since {}", shown(outage.since_ns, local).time);
  return fmt::format("{} {}/{}: {}: {}", printable(outage.interface), printable(outage.hook), printable(outage.mode),
                     when, printable(outage.reason));
}

std::string user_program_line(const UserProgram& program) {
  return fmt::format("{} {}/{}: '{}' of your own{}", printable(program.interface), printable(program.hook),
                     printable(program.mode), printable(program.name),
                     program.priority != 0 ? fmt::format(", priority {}", program.priority) : "");
}

// No program saw what the ports send. A capture has both directions.
bool incoming_only(const WindowReport& report) {
  return !report.attachments.empty() &&
         std::none_of(report.attachments.begin(), report.attachments.end(),
                      [](const Accounting& one) { return one.hook == "tc-egress" || one.mode == "replay"; });
}

std::string title_line(const WindowReport& report, bool local) {
  const ShownTime start = shown(report.start_ns, local);
  const ShownTime end = shown(report.end_ns, local);
  const std::uint64_t all = report.sessions.size() + report.sessions_hidden;
  return fmt::format("window {}: {} {} to {}{} {}, {}, {}{} session{}", report.number, start.date, start.time,
                     end.date == start.date ? "" : fmt::format("{} ", end.date), end.time, end.zone,
                     seconds_text(report.end_ns - report.start_ns), report.sessions.size(),
                     report.sessions_hidden == 0 ? "" : fmt::format(" of {}", all), all == 1 ? "" : "s");
}

// Returns the text in lines of at most `width`, broken at blanks. Lines after the first are indented. A longer word is
// cut.
Texts wrapped(const std::string& text, std::size_t width) {
  const std::string indent(width >= least_indented_width ? 4 : 0, ' ');
  Texts lines;
  std::string rest = text;
  while (rest.size() > width) {
    const std::size_t first_letter = rest.find_first_not_of(' ');
    std::size_t cut = rest.rfind(' ', width);
    if (cut == std::string::npos || cut <= first_letter) cut = width;
    lines.push_back(rest.substr(0, cut));
    rest.erase(0, rest[cut] == ' ' ? cut + 1 : cut);
    rest.insert(0, indent);
  }
  lines.push_back(rest);
  return lines;
}

}  // namespace

std::string format_table(const WindowReport& report, const TableOptions& options) {
  const std::size_t limit = options.width == 0 ? std::numeric_limits<std::size_t>::max() : options.width;
  std::string title = title_line(report, options.local_time);
  const TableColumns wanted = columns_of(report, options);
  Texts lines;
  Texts totals;
  const auto add_rest = [&totals](std::size_t more, const std::string& what) {
    if (more != 0) totals.push_back(fmt::format("({} more {})", more, what));
  };
  if (options.by) {
    const Groups groups = groups_of(report, *options.by);
    title += groups_text(groups, options);
    const std::vector<const SessionGroup*> top = top_groups(groups, options);
    lines = group_lines(wanted, top, extras_of(report, top), groups.packets, limit);
    const std::size_t more = groups.rows.size() - std::min(options.top, groups.rows.size());
    add_rest(more, grouping_name(*options.by, more));
  } else {
    const std::vector<const SessionWindow*> sessions = top_sessions(report, options);
    lines = session_lines(wanted, sessions, extras_of(report, sessions), limit);
    const std::size_t more = report.sessions.size() - sessions.size();
    add_rest(more, more == 1 ? "session" : "sessions");
  }
  if (incoming_only(report)) title += ", incoming packets only";
  for (const Accounting& attachment : report.attachments) {
    const Texts of_attachment = attachment_lines(report, attachment);
    totals.insert(totals.end(), of_attachment.begin(), of_attachment.end());
  }
  for (const Outage& outage : report.outages) totals.push_back(outage_line(outage, options.local_time));
  for (const UserProgram& program : report.user_programs) totals.push_back(user_program_line(program));
  for (const std::string& line : totals) {
    const Texts pieces = wrapped(line, limit);
    lines.insert(lines.end(), pieces.begin(), pieces.end());
  }
  return fmt::format("{}\n{}{}", fmt::join(wrapped(title, limit), "\n"), fmt::join(lines, "\n"),
                     lines.empty() ? "" : "\n");
}

std::vector<std::string> table_of(const std::vector<const SessionWindow*>& sessions,
                                  const std::vector<RowExtras>& extras, const TableColumns& columns, unsigned width) {
  return session_lines(columns, sessions, extras, width == 0 ? std::numeric_limits<std::size_t>::max() : width);
}

std::vector<std::string> table_of(const std::vector<const SessionGroup*>& groups, const std::vector<RowExtras>& extras,
                                  std::uint64_t all_packets, const TableColumns& columns, unsigned width) {
  return group_lines(columns, groups, extras, all_packets,
                     width == 0 ? std::numeric_limits<std::size_t>::max() : width);
}

std::string table_rate_text(double rate) { return human_rate(rate); }

std::string table_bytes_text(std::uint64_t bytes) { return human_bytes(bytes); }

}  // namespace nicsentry
