// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/table.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <limits>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "host/export/files/table_layout.h"

namespace nicsentry {
namespace {

using Texts = std::vector<std::string>;

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t ms_per_second = 1'000;
constexpr std::size_t least_indented_width = 30;  // of a line that is continued

// From the most to the least important: a narrow terminal loses them from the end.
const std::vector<TableColumn> session_table{
    {"CLIENT", Alignment::left, true}, {"SERVER", Alignment::left, true}, {"PROTO", Alignment::left},
    {"PKTS>SRV", Alignment::right},    {"PKTS>CLI", Alignment::right},    {"BYTES>SRV", Alignment::right},
    {"BYTES>CLI", Alignment::right},   {"DURATION", Alignment::right},
};

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

struct UtcTime {
  std::string date;
  std::string time;  // in milliseconds, rounded down
};

UtcTime utc(TimestampNs timestamp_ns) {
  const auto [seconds, ms] = [&] {
    const std::int64_t all_ms = timestamp_ns / ns_per_ms - (timestamp_ns % ns_per_ms < 0 ? 1 : 0);
    const std::int64_t rest = (all_ms % ms_per_second + ms_per_second) % ms_per_second;
    return std::pair{(all_ms - rest) / ms_per_second, rest};
  }();
  const std::tm calendar = fmt::gmtime(static_cast<std::time_t>(seconds));
  return {fmt::format("{:%Y-%m-%d}", calendar), fmt::format("{:%H:%M:%S}.{:03}", calendar, ms)};
}

std::string endpoint_text(const Endpoint& endpoint, Protocol protocol) {
  std::string address = endpoint.address.text();
  if (protocol == Protocol::icmp || protocol == Protocol::icmpv6) return address;
  const bool brackets = endpoint.address.version == 6;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", address, brackets ? "]" : "", endpoint.port);
}

// "UDP", "UDP vlan 10.20", "TCP dropped" where packets of the session were.
std::string protocol_text(const SessionWindow& session) {
  const std::string vlans = session.vlans.text();
  return fmt::format("{}{}{}", protocol_name(session.protocol), vlans.empty() ? "" : " vlan " + vlans,
                     session.dropped ? " dropped" : "");
}

Texts session_cells(const SessionWindow& session) {
  const bool exact = session.last_packet_uncertainty_ns == 0;
  return {
      endpoint_text(session.client, session.protocol),
      endpoint_text(session.server, session.protocol),
      protocol_text(session),
      fmt::to_string(session.packets_client),
      fmt::to_string(session.packets_server),
      human_bytes(session.bytes_client),
      human_bytes(session.bytes_server),
      fmt::format("{}{}", exact ? "" : "~", seconds_text(session.last_packet_ns - session.first_packet_ns)),
  };
}

std::uint64_t packets_of(const SessionWindow& session) { return session.packets_server + session.packets_client; }

// Returns the sessions with the most packets. Of sessions with equally many, the older one comes first.
std::vector<const SessionWindow*> top_sessions(const WindowReport& report, std::size_t top) {
  std::vector<const SessionWindow*> sessions;
  sessions.reserve(report.sessions.size());
  for (const SessionWindow& session : report.sessions) sessions.push_back(&session);
  const std::size_t shown = std::min(top, sessions.size());
  std::partial_sort(sessions.begin(), sessions.begin() + static_cast<std::ptrdiff_t>(shown), sessions.end(),
                    [](const SessionWindow* left, const SessionWindow* right) {
                      return std::pair{packets_of(*right), left->id} < std::pair{packets_of(*left), right->id};
                    });
  sessions.resize(shown);
  return sessions;
}

Texts session_lines(const std::vector<const SessionWindow*>& sessions, std::size_t width) {
  std::vector<Texts> rows;
  rows.reserve(sessions.size());
  for (const SessionWindow* session : sessions) rows.push_back(session_cells(*session));
  return table_lines(session_table, rows, width);
}

std::vector<TableColumn> group_columns(const Grouping& grouping) {
  std::string title = grouping_name(grouping, 1);
  std::transform(title.begin(), title.end(), title.begin(),
                 [](char letter) { return static_cast<char>(std::toupper(static_cast<unsigned char>(letter))); });
  return {{title, Alignment::left, true},   {"SESSIONS", Alignment::right},  {"PKTS>SRV", Alignment::right},
          {"PKTS>CLI", Alignment::right},   {"BYTES>SRV", Alignment::right}, {"BYTES>CLI", Alignment::right},
          {"OF ALL PKTS", Alignment::right}};
}

Texts group_lines(const std::vector<SessionGroup>& groups, const Grouping& grouping, std::size_t top,
                  std::size_t width) {
  const std::uint64_t packets =
      std::accumulate(groups.begin(), groups.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const SessionGroup& group) { return sum + group.packets(); });
  std::vector<Texts> rows;
  for (std::size_t index = 0; index < std::min(top, groups.size()); ++index) {
    const SessionGroup& group = groups[index];
    rows.push_back({group.name, fmt::to_string(group.sessions), fmt::to_string(group.packets_client),
                    fmt::to_string(group.packets_server), human_bytes(group.bytes_client),
                    human_bytes(group.bytes_server),
                    fmt::format("{:.1f} %", 100 * static_cast<double>(group.packets()) /
                                                static_cast<double>(std::max<std::uint64_t>(packets, 1)))});
  }
  return table_lines(group_columns(grouping), rows, width);
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

Texts attachment_lines(const Accounting& attachment) {
  Texts lines{
      balance_line(attachment),
      fmt::format("  sessions: {} active, {} new, {}", attachment.sessions_active, attachment.sessions_new,
                  alarming(attachment.sessions_refused, "refused", "REFUSED")),
      fmt::format("  events: {} sent, {} arrived, {}, {}", attachment.events_sent(), attachment.events_arrived(),
                  alarming(attachment.events_lost(), "lost", "LOST"),
                  alarming(attachment.unknown_left_out(), "left out", "LEFT OUT")),
  };
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

std::string outage_line(const Outage& outage) {
  const std::string when = outage.until_ns ? fmt::format("WAS OFF ITS HOOK, back at {}", utc(*outage.until_ns).time)
                                           : fmt::format("NOT ON ITS HOOK since {}", utc(outage.since_ns).time);
  return fmt::format("{} {}/{}: {}: {}", printable(outage.interface), printable(outage.hook), printable(outage.mode),
                     when, printable(outage.reason));
}

std::string title_line(const WindowReport& report) {
  const UtcTime start = utc(report.start_ns);
  const UtcTime end = utc(report.end_ns);
  const std::uint64_t all = report.sessions.size() + report.sessions_hidden;
  return fmt::format("window {}: {} {} to {}{} UTC, {}, {}{} session{}", report.number, start.date, start.time,
                     end.date == start.date ? "" : fmt::format("{} ", end.date), end.time,
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
  const Texts title = wrapped(title_line(report), limit);
  Texts lines;
  Texts totals;
  const auto add_rest = [&totals](std::size_t more, const std::string& what) {
    if (more != 0) totals.push_back(fmt::format("({} more {})", more, what));
  };
  if (options.by) {
    const std::vector<SessionGroup> groups = group_sessions(report.sessions, *options.by);
    lines = group_lines(groups, *options.by, options.top, limit);
    const std::size_t more = groups.size() - std::min(options.top, groups.size());
    add_rest(more, grouping_name(*options.by, more));
  } else {
    const std::vector<const SessionWindow*> sessions = top_sessions(report, options.top);
    lines = session_lines(sessions, limit);
    const std::size_t more = report.sessions.size() - sessions.size();
    add_rest(more, more == 1 ? "session" : "sessions");
  }
  for (const Accounting& attachment : report.attachments) {
    const Texts of_attachment = attachment_lines(attachment);
    totals.insert(totals.end(), of_attachment.begin(), of_attachment.end());
  }
  for (const Outage& outage : report.outages) totals.push_back(outage_line(outage));
  for (const std::string& line : totals) {
    const Texts pieces = wrapped(line, limit);
    lines.insert(lines.end(), pieces.begin(), pieces.end());
  }
  return fmt::format("{}\n{}{}", fmt::join(title, "\n"), fmt::join(lines, "\n"), lines.empty() ? "" : "\n");
}

}  // namespace nicsentry
