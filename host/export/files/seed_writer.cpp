// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/seed_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "host/base/atomic_file.h"
#include "host/export/files/earlier_rows.h"
#include "host/export/files/same_ends.h"
#include "host/export/files/seed_text.h"

namespace nicsentry {
namespace {

using Sessions = std::vector<const SessionWindow*>;

Sessions crypto_sessions(const Sessions& rows) {
  Sessions sessions;
  for (const SessionWindow* session : rows) {
    if (crypto_tracks(session->protocol)) sessions.push_back(session);
  }
  return sessions;
}

std::uint64_t count_files(const std::filesystem::path& directory) {
  return static_cast<std::uint64_t>(
      std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()));
}

// The directories of a run. The constructor makes them and checks that files can be written there.
struct SeedDirectories {
  SeedDirectories(Profile profile, const OutputPlace& place) : earlier(place.earlier) {
    if (has_ddos(profile)) ddos = place.directory / "dump_ddos";
    if (has_crypto(profile)) crypto = place.directory / "dump_crypto";
    if (ddos) prepare_directory(*ddos);
    if (crypto) prepare_directory(*crypto);
  }

  // The number after the highest of files whose names are "<before>NUMBER<after>".
  std::uint64_t next_number(std::string_view before, std::string_view after) const {
    std::uint64_t next = 0;
    if (earlier == EarlierFile::replaced) return next;
    for (const auto& directory : {ddos, crypto}) {
      if (directory) next = std::max(next, next_file_number(*directory, before, after));
    }
    return next;
  }

  EarlierFile earlier;
  std::optional<std::filesystem::path> ddos;
  std::optional<std::filesystem::path> crypto;
};

class SeedJsonWriter : public WindowWriter {
 public:
  SeedJsonWriter(Profile profile, const OutputPlace& place)
      : directories_(profile, place), room_(place.room), next_window_(directories_.next_number("result_", ".json")) {}

  std::uint64_t next_window() const override { return next_window_; }

  std::vector<std::filesystem::path> write(const WindowReport& report) override {
    FileBatch batch(room_);
    const RowsByEnds by_ends = join_same_ends(report.sessions);
    const std::string name = fmt::format("result_{}.json", report.number);
    if (directories_.ddos) add_list(batch, *directories_.ddos / name, by_ends.rows, seed_ddos_json_item);
    if (directories_.crypto) {
      add_list(batch, *directories_.crypto / name, crypto_sessions(by_ends.rows), seed_crypto_json_item);
    }
    return batch.publish();
  }

 private:
  static void add_list(FileBatch& batch, const std::filesystem::path& path, const Sessions& sessions,
                       std::string (*item_text)(const SessionWindow&)) {
    if (sessions.empty()) return;
    PendingFile& file = batch.create(path);
    file.write(seed_json_begin);
    bool first = true;
    for (const SessionWindow* session : sessions) {
      if (!first) file.write(seed_json_separator);
      first = false;
      file.write(item_text(*session));
    }
    file.write(seed_json_end);
    file.finish();
  }

  SeedDirectories directories_;
  BeforeWrite room_;
  std::uint64_t next_window_;
};

class SeedCsvWriter : public WindowWriter {
 public:
  SeedCsvWriter(Profile profile, const OutputPlace& place)
      : directories_(profile, place),
        room_(place.room),
        next_window_(directories_.next_number("-iter", ".csv")),
        most_files_(place.seed_csv_files) {
    if (directories_.ddos) files_ = count_files(*directories_.ddos);
    if (directories_.crypto) {
      const auto path = *directories_.crypto / "results.csv";
      const std::string header = seed_crypto_csv_header();
      continue_rows(path, csv_rows(header), place);
      results_.emplace(path, header, place.earlier);
    }
  }

  std::uint64_t next_window() const override { return next_window_; }

  std::vector<std::filesystem::path> write(const WindowReport& report) override {
    FileBatch batch(room_);
    const RowsByEnds by_ends = join_same_ends(report.sessions);
    const std::uint64_t added = directories_.ddos ? add_files(batch, by_ends.rows, report.number) : 0;
    const Sessions sessions = crypto_sessions(by_ends.rows);
    if (results_ && !sessions.empty()) {
      PendingFile& file = results_->extend(batch);
      for (const SessionWindow* session : sessions) file.write(seed_crypto_csv_row(*session));
    }
    auto paths = batch.publish();
    files_ += added;
    return paths;
  }

  std::uint64_t sessions_left_out() const override { return left_out_; }
  std::vector<Growing> growing_files() const override {
    return results_ ? std::vector<Growing>{{results_->path(), results_->header_bytes()}} : std::vector<Growing>();
  }

 private:
  // A file for each session, as far as there may be more. Returns how many. Whoever floods chooses how many sessions
  // there are.
  std::uint64_t add_files(FileBatch& batch, const Sessions& sessions, std::uint64_t window) {
    if (most_files_ != 0 && files_ + sessions.size() > most_files_) files_ = count_files(*directories_.ddos);
    const std::uint64_t room = most_files_ == 0 ? sessions.size() : most_files_ - std::min(most_files_, files_);
    const std::size_t count = std::min<std::uint64_t>(room, sessions.size());
    for (const SessionWindow* session : std::span(sessions).first(count)) {
      PendingFile& file = batch.create(*directories_.ddos / seed_ddos_csv_name(*session, window));
      file.write(seed_ddos_csv(*session));
      file.finish();
    }
    left_out_ = sessions.size() - count;
    return count;
  }

  SeedDirectories directories_;
  BeforeWrite room_;
  std::uint64_t next_window_;
  std::uint64_t most_files_;
  std::uint64_t files_ = 0;     // in dump_ddos/, or fewer where others removed some since they were counted
  std::uint64_t left_out_ = 0;  // sessions of the last window
  std::optional<GrowingFile> results_;
};

}  // namespace

std::unique_ptr<WindowWriter> make_seed_json_writer(Profile profile, const OutputPlace& place) {
  return std::make_unique<SeedJsonWriter>(profile, place);
}

std::unique_ptr<WindowWriter> make_seed_csv_writer(Profile profile, const OutputPlace& place) {
  return std::make_unique<SeedCsvWriter>(profile, place);
}

}  // namespace nicsentry
