// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/tidy_writer.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "host/base/atomic_file.h"
#include "host/export/files/earlier_rows.h"
#include "host/export/files/row_text.h"
#include "host/export/files/tidy_rows.h"
#include "host/report/columns.h"

namespace nicsentry {
namespace {

constexpr const char* kWindowField = "{\"window\":";  // a row of JSON begins with it

// The form that a file of an earlier run must have to grow on: the same fields in the same order.
template <typename Row>
EarlierRows rows_of(TidyFormat format, const Columns<Row>& columns, const Row& example) {
  if (format == TidyFormat::csv) {
    return csv_rows(csv_header(columns));
  }
  const auto names = field_names(row_text(RowText::Form::json, columns, example));
  return {kWindowField, 0, [names](std::string_view line) { return field_names(line) == names; }};
}

// One growing file of rows.
template <typename Row>
class TidyTable {
 public:
  TidyTable(TidyFormat format, const OutputPlace& place, const std::string& name, const Columns<Row>& columns,
            const Row& example)
      : form_(format == TidyFormat::csv ? RowText::Form::csv : RowText::Form::json),
        columns_(columns),
        room_(place.room),
        path_(place.directory / (name + (format == TidyFormat::csv ? ".csv" : ".jsonl"))),
        next_window_(continue_rows(path_, rows_of(format, columns, example), place)),
        file_(path_, format == TidyFormat::csv ? csv_header(columns) : "", place.earlier) {}

  // The number after the window of the last row of an earlier run; 0: there is none.
  std::uint64_t next_window() const { return next_window_; }
  WindowWriter::Growing growing() const { return {path_, file_.header_bytes()}; }
  // For the files of a window.
  FileBatch batch() const { return FileBatch(room_); }

  // A window's rows of this table. The first row adds the file to the batch.
  class Rows {
   public:
    Rows(const TidyTable& table, FileBatch& batch) : table_(table), batch_(batch) {}

    void add(const Row& row) {
      if (file_ == nullptr) file_ = &table_.file_.extend(batch_);
      file_->write(row_text(table_.form_, table_.columns_, row));
    }

   private:
    const TidyTable& table_;
    FileBatch& batch_;
    PendingFile* file_ = nullptr;
  };

 private:
  RowText::Form form_;
  const Columns<Row>& columns_;
  BeforeWrite room_;
  std::filesystem::path path_;
  std::uint64_t next_window_;
  GrowingFile file_;
};

class TidyWriter : public WindowWriter {
 public:
  TidyWriter(TidyFormat format, Profile profile, const OutputPlace& place)
      : profile_(profile),
        sessions_(format, place, "sessions", session_columns(), {WindowReport(), SessionWindow()}),
        windows_(format, place, "windows", window_row_columns(), {WindowReport(), Accounting()}) {
    if (has_ddos(profile)) {
      packets_.emplace(format, place, "packets", packet_columns(), PacketRow{0, SessionWindow(), PacketFeatures()});
    }
  }

  std::uint64_t next_window() const override {
    const std::uint64_t next = std::max(sessions_.next_window(), windows_.next_window());
    return packets_ ? std::max(next, packets_->next_window()) : next;
  }

  std::vector<Growing> growing_files() const override {
    std::vector<Growing> files{sessions_.growing(), windows_.growing()};
    if (packets_) files.push_back(packets_->growing());
    return files;
  }

  std::vector<std::filesystem::path> write(const WindowReport& report) override {
    FileBatch batch = sessions_.batch();
    TidyTable<SessionRow>::Rows sessions(sessions_, batch);
    each_session_row(report, profile_, [&sessions](const SessionRow& row) { sessions.add(row); });
    if (packets_) {
      TidyTable<PacketRow>::Rows packets(*packets_, batch);
      each_packet_row(report, [&packets](const PacketRow& row) { packets.add(row); });
    }
    TidyTable<WindowRow>::Rows windows(windows_, batch);
    each_window_row(report, [&windows](const WindowRow& row) { windows.add(row); });
    return batch.publish();
  }

 private:
  Profile profile_;
  TidyTable<SessionRow> sessions_;
  TidyTable<WindowRow> windows_;
  std::optional<TidyTable<PacketRow>> packets_;
};

// Writes the rows of one table that sums sessions up. `EachRow` is called with a window, a profile, the most rows and
// who takes them.
template <typename Row, typename EachRow>
class TrafficWriter : public WindowWriter {
 public:
  TrafficWriter(TidyFormat format, Profile profile, const OutputPlace& place, const std::string& name,
                const Columns<Row>& columns, const Row& example, EachRow each_row)
      : profile_(profile),
        most_(place.traffic_rows),
        each_row_(each_row),
        table_(format, place, name, columns, example) {}

  std::uint64_t next_window() const override { return table_.next_window(); }
  std::vector<Growing> growing_files() const override { return {table_.growing()}; }

  std::vector<std::filesystem::path> write(const WindowReport& report) override {
    FileBatch batch = table_.batch();
    typename TidyTable<Row>::Rows rows(table_, batch);
    each_row_(report, profile_, most_, [&rows](const Row& row) { rows.add(row); });
    return batch.publish();
  }

 private:
  Profile profile_;
  std::size_t most_;
  EachRow each_row_;
  TidyTable<Row> table_;
};

}  // namespace

std::unique_ptr<WindowWriter> make_tidy_writer(TidyFormat format, Profile profile, const OutputPlace& place) {
  prepare_directory(place.directory);
  return std::make_unique<TidyWriter>(format, profile, place);
}

std::unique_ptr<WindowWriter> make_hosts_writer(TidyFormat format, Profile profile, const OutputPlace& place) {
  prepare_directory(place.directory);
  const auto each = [](const auto&... arguments) { each_host_row(arguments...); };
  return std::make_unique<TrafficWriter<HostRow, decltype(each)>>(format, profile, place, "hosts", host_columns(),
                                                                  HostRow{WindowReport(), HostSums()}, each);
}

std::unique_ptr<WindowWriter> make_ports_writer(TidyFormat format, Profile profile, const OutputPlace& place) {
  prepare_directory(place.directory);
  const auto each = [](const auto&... arguments) { each_port_row(arguments...); };
  return std::make_unique<TrafficWriter<PortRow, decltype(each)>>(format, profile, place, "ports", port_columns(),
                                                                  PortRow{WindowReport(), PortSums()}, each);
}

}  // namespace nicsentry
