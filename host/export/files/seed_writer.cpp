// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/seed_writer.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "host/base/atomic_file.h"
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

// The directories of a run. The constructor makes them and checks that files can be written there.
struct SeedDirectories {
  SeedDirectories(Profile profile, const std::filesystem::path& directory) {
    if (has_ddos(profile)) ddos = directory / "dump_ddos";
    if (has_crypto(profile)) crypto = directory / "dump_crypto";
    if (ddos) prepare_directory(*ddos);
    if (crypto) prepare_directory(*crypto);
  }

  std::optional<std::filesystem::path> ddos;
  std::optional<std::filesystem::path> crypto;
};

class SeedJsonWriter : public WindowWriter {
 public:
  SeedJsonWriter(Profile profile, const std::filesystem::path& directory) : directories_(profile, directory) {}

  std::vector<std::filesystem::path> write(const WindowReport& report) override {
    FileBatch batch;
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
};

class SeedCsvWriter : public WindowWriter {
 public:
  SeedCsvWriter(Profile profile, const std::filesystem::path& directory) : directories_(profile, directory) {
    if (directories_.crypto) results_.emplace(*directories_.crypto / "results.csv", seed_crypto_csv_header());
  }

  std::vector<std::filesystem::path> write(const WindowReport& report) override {
    FileBatch batch;
    const RowsByEnds by_ends = join_same_ends(report.sessions);
    if (directories_.ddos) {
      for (const SessionWindow* session : by_ends.rows) {
        PendingFile& file = batch.create(*directories_.ddos / seed_ddos_csv_name(*session, report.number));
        file.write(seed_ddos_csv(*session));
        file.finish();
      }
    }
    const Sessions sessions = crypto_sessions(by_ends.rows);
    if (results_ && !sessions.empty()) {
      PendingFile& file = results_->extend(batch);
      for (const SessionWindow* session : sessions) file.write(seed_crypto_csv_row(*session));
    }
    return batch.publish();
  }

 private:
  SeedDirectories directories_;
  std::optional<GrowingFile> results_;
};

}  // namespace

std::unique_ptr<WindowWriter> make_seed_json_writer(Profile profile, const std::filesystem::path& directory) {
  return std::make_unique<SeedJsonWriter>(profile, directory);
}

std::unique_ptr<WindowWriter> make_seed_csv_writer(Profile profile, const std::filesystem::path& directory) {
  return std::make_unique<SeedCsvWriter>(profile, directory);
}

}  // namespace nicsentry
