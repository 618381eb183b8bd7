// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/tidy_rows.h"

#include <cstddef>
#include <string>

#include "host/base/error.h"
#include "host/export/files/row_text.h"

namespace nicsentry {
namespace {

constexpr std::size_t kLinesTogether = std::size_t{64} << 10;  // bytes

// A window may have millions of rows: their text is not kept as a whole.
class Lines {
 public:
  explicit Lines(const std::function<bool(std::string_view)>& write) : write_(write) {}

  template <typename Row>
  void add(const Columns<Row>& columns, const Row& row) {
    if (ended_) return;
    text_ += row_text(RowText::Form::json, columns, row);
    if (text_.size() >= kLinesTogether) flush();
  }

  void flush() {
    ended_ = ended_ || (!text_.empty() && !write_(text_));
    text_.clear();
  }

 private:
  const std::function<bool(std::string_view)>& write_;
  std::string text_;
  bool ended_ = false;
};

}  // namespace

std::vector<const SessionWindow*> sessions_in(const WindowReport& report, Profile profile) {
  std::vector<const SessionWindow*> sessions;
  sessions.reserve(report.sessions.size());
  for (const SessionWindow& session : report.sessions) {
    if (in_profile(session, profile)) sessions.push_back(&session);
  }
  return sessions;
}

TidyTableName parse_table_name(std::string_view name) {
  if (name == "sessions") return TidyTableName::sessions;
  if (name == "packets") return TidyTableName::packets;
  if (name == "windows") return TidyTableName::windows;
  if (name == "hosts") return TidyTableName::hosts;
  if (name == "ports") return TidyTableName::ports;
  throw Error("unknown table '" + std::string(name) + "': allowed are sessions, packets, windows, hosts, ports");
}

void write_json_rows(const WindowReport& report, TidyTableName table, Profile profile, std::size_t most,
                     const std::function<bool(std::string_view lines)>& write) {
  Lines lines(write);
  switch (table) {
    case TidyTableName::sessions:
      each_session_row(report, profile, [&](const SessionRow& row) { lines.add(session_columns(), row); });
      break;
    case TidyTableName::packets:
      each_packet_row(report, [&](const PacketRow& row) { lines.add(packet_columns(), row); });
      break;
    case TidyTableName::windows:
      each_window_row(report, [&](const WindowRow& row) { lines.add(window_row_columns(), row); });
      break;
    case TidyTableName::hosts:
      each_host_row(report, profile, most, [&](const HostRow& row) { lines.add(host_columns(), row); });
      break;
    case TidyTableName::ports:
      each_port_row(report, profile, most, [&](const PortRow& row) { lines.add(port_columns(), row); });
      break;
  }
  lines.flush();
}

}  // namespace nicsentry
