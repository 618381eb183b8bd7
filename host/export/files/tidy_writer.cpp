// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/tidy_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "host/base/atomic_file.h"
#include "host/base/rfc3339.h"
#include "host/report/columns.h"

namespace nicsentry {
namespace {

// RFC 4180: quotes a field with a separator, quote or line end, and doubles the quotes in it.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"') quoted += '"';
    quoted += character;
  }
  return quoted + '"';
}

// Replaces invalid UTF-8 by U+FFFD, because JSON cannot hold it. An interface or file may have such a name.
std::string json_string(const std::string& text) {
  const auto stands_for_itself = [](char character) {
    return character >= ' ' && character <= '~' && character != '"' && character != '\\';
  };
  if (std::all_of(text.begin(), text.end(), stands_for_itself)) return fmt::format("\"{}\"", text);
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void append_value(std::string& line, const Value& value, std::string (*text_form)(const std::string&)) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    line += text_form(*text);
  } else if (const auto* number = std::get_if<std::uint64_t>(&value)) {
    fmt::format_to(std::back_inserter(line), "{}", *number);
  } else if (const auto* time = std::get_if<PointInTime>(&value)) {
    fmt::format_to(std::back_inserter(line), "{}", time->ns);
  } else {
    fmt::format_to(std::back_inserter(line), "{}", std::get<std::int64_t>(value));
  }
}

template <typename Row>
std::string csv_header(const Columns<Row>& columns) {
  std::string line;
  for (const auto& column : columns) {
    if (&column != &columns.front()) line += ',';
    line += csv_field(column.name);
  }
  return line + '\n';
}

template <typename Row>
std::string csv_line(const Columns<Row>& columns, const Row& row) {
  std::string line;
  for (const auto& column : columns) {
    if (&column != &columns.front()) line += ',';
    append_value(line, column.value(row), csv_field);
  }
  return line + '\n';
}

template <typename Row>
std::string json_line(const Columns<Row>& columns, const Row& row) {
  std::string line;
  for (const auto& column : columns) {
    line += line.empty() ? "{\"" : ",\"";
    line += column.name;
    line += "\":";
    const Value value = column.value(row);
    append_value(line, value, json_string);
    if (const auto* time = std::get_if<PointInTime>(&value)) {
      fmt::format_to(std::back_inserter(line), ",\"{}\":\"{}\"", time_name(column.name), rfc3339(time->ns));
    }
  }
  return line + "}\n";
}

// One growing file of rows.
template <typename Row>
class TidyTable {
 public:
  TidyTable(TidyFormat format, const std::filesystem::path& directory, const std::string& name,
            const Columns<Row>& columns)
      : format_(format),
        columns_(columns),
        file_(directory / (name + (format == TidyFormat::csv ? ".csv" : ".jsonl")),
              format == TidyFormat::csv ? csv_header(columns) : "") {}

  // A window's rows of this table. The first row adds the file to the batch.
  class Rows {
   public:
    Rows(const TidyTable& table, FileBatch& batch) : table_(table), batch_(batch) {}

    void add(const Row& row) {
      if (file_ == nullptr) file_ = &table_.file_.extend(batch_);
      file_->write(table_.format_ == TidyFormat::csv ? csv_line(table_.columns_, row)
                                                     : json_line(table_.columns_, row));
    }

   private:
    const TidyTable& table_;
    FileBatch& batch_;
    PendingFile* file_ = nullptr;
  };

 private:
  TidyFormat format_;
  const Columns<Row>& columns_;
  GrowingFile file_;
};

class TidyWriter : public WindowWriter {
 public:
  TidyWriter(TidyFormat format, Profile profile, const std::filesystem::path& directory)
      : profile_(profile),
        sessions_(format, directory, "sessions", session_columns()),
        windows_(format, directory, "windows", window_row_columns()) {
    if (has_ddos(profile)) packets_.emplace(format, directory, "packets", packet_columns());
  }

  std::vector<std::filesystem::path> write(const WindowReport& report) override {
    FileBatch batch;
    add_sessions(batch, report);
    if (packets_) add_packets(batch, report);
    add_attachments(batch, report);
    return batch.publish();
  }

 private:
  bool lists(const SessionWindow& session) const { return has_ddos(profile_) || crypto_tracks(session.protocol); }

  void add_sessions(FileBatch& batch, const WindowReport& report) const {
    TidyTable<SessionRow>::Rows rows(sessions_, batch);
    for (const SessionWindow& session : report.sessions) {
      if (lists(session)) rows.add({report.number, session});
    }
  }

  void add_packets(FileBatch& batch, const WindowReport& report) const {
    TidyTable<PacketRow>::Rows rows(*packets_, batch);
    for (const SessionWindow& session : report.sessions) {
      for (const PacketFeatures& packet : session.packets) rows.add({report.number, session, packet});
    }
  }

  void add_attachments(FileBatch& batch, const WindowReport& report) const {
    TidyTable<WindowRow>::Rows rows(windows_, batch);
    for (const Accounting& attachment : report.attachments) rows.add({report, attachment});
  }

  Profile profile_;
  TidyTable<SessionRow> sessions_;
  TidyTable<WindowRow> windows_;
  std::optional<TidyTable<PacketRow>> packets_;
};

}  // namespace

std::unique_ptr<WindowWriter> make_tidy_writer(TidyFormat format, Profile profile,
                                               const std::filesystem::path& directory) {
  prepare_directory(directory);
  return std::make_unique<TidyWriter>(format, profile, directory);
}

}  // namespace nicsentry
