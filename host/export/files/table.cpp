// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/table.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace nicsentry {
namespace {

using Texts = std::vector<std::string>;

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t ms_per_second = 1'000;
constexpr std::string_view gap = "  ";
// A narrower address has no meaning any more: then columns are left out instead.
constexpr std::size_t min_endpoint_width = 15;

struct TableColumn {
  std::string_view title;
  bool right_aligned;
};

// From the most to the least important: a narrow terminal loses them from the end.
constexpr std::array<TableColumn, 8> table_columns{{
    {"CLIENT", false},
    {"SERVER", false},
    {"PROTO", false},
    {"PKTS>SRV", true},
    {"PKTS>CLI", true},
    {"BYTES>SRV", true},
    {"BYTES>CLI", true},
    {"DURATION", true},
}};
constexpr std::size_t endpoint_columns = 2;

using Cells = std::array<std::string, table_columns.size()>;
using Widths = std::array<std::size_t, table_columns.size()>;

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

Cells session_cells(const SessionWindow& session) {
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

std::size_t line_width(const Widths& widths, std::size_t columns) {
  const auto end = widths.begin() + static_cast<std::ptrdiff_t>(columns);
  return std::accumulate(widths.begin(), end, (columns - 1) * gap.size());
}

// Shortens a text and keeps both ends: the network and the port of an address.
std::string shortened(const std::string& text, std::size_t width) {
  constexpr std::string_view mark = "..";
  if (text.size() <= width) return text;
  if (width <= mark.size()) return text.substr(0, width);
  const std::size_t tail = (width - mark.size()) / 2;
  return text.substr(0, width - mark.size() - tail).append(mark) + text.substr(text.size() - tail);
}

// Shrinks the addresses until the row fits into `width`, the longer one first.
void shrink_endpoints(Widths& widths, std::size_t width) {
  while (line_width(widths, widths.size()) > width) {
    std::size_t& longer = *std::max_element(widths.begin(), widths.begin() + endpoint_columns);
    if (longer <= min_endpoint_width) return;
    --longer;
  }
}

std::string row_line(const Cells& cells, const Widths& widths, std::size_t columns) {
  std::string line;
  for (std::size_t index = 0; index < columns; ++index) {
    const std::string cell = shortened(cells.at(index), widths.at(index));
    if (index != 0) line += gap;
    line += table_columns.at(index).right_aligned ? fmt::format("{:>{}}", cell, widths.at(index))
                                                  : fmt::format("{:<{}}", cell, widths.at(index));
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

Texts session_lines(const std::vector<const SessionWindow*>& sessions, std::size_t width) {
  if (sessions.empty()) return {};
  std::vector<Cells> rows(1);
  for (std::size_t index = 0; index < table_columns.size(); ++index) rows[0].at(index) = table_columns.at(index).title;
  for (const SessionWindow* session : sessions) rows.push_back(session_cells(*session));

  Widths widths{};
  for (const Cells& cells : rows) {
    for (std::size_t index = 0; index < cells.size(); ++index) {
      widths.at(index) = std::max(widths.at(index), cells.at(index).size());
    }
  }
  shrink_endpoints(widths, width);
  std::size_t columns = widths.size();
  while (columns > 1 && line_width(widths, columns) > width) --columns;

  Texts lines;
  for (const Cells& cells : rows) lines.push_back(row_line(cells, widths, columns));
  return lines;
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
  const std::string indent(width >= 2 * min_endpoint_width ? 4 : 0, ' ');
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

std::string format_table(const WindowReport& report, unsigned width, std::size_t top) {
  const std::size_t limit = width == 0 ? std::numeric_limits<std::size_t>::max() : width;
  const std::vector<const SessionWindow*> sessions = top_sessions(report, top);

  Texts lines = wrapped(title_line(report), limit);
  for (const std::string& line : session_lines(sessions, limit)) lines.push_back(line.substr(0, limit));
  Texts totals;
  if (const std::size_t more = report.sessions.size() - sessions.size(); more != 0) {
    totals.push_back(fmt::format("({} more session{})", more, more == 1 ? "" : "s"));
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
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

}  // namespace nicsentry
