// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/export/files/window_files.h"
#include "tests/export/files/sample.h"
#include "tests/support/output_files.h"

namespace nicsentry::file_keeper_test {

using namespace test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Names = std::vector<std::string>;

namespace {

constexpr TimestampNs kSecondNs = 1'000'000'000;

// Windows of the sample sessions to real files, at a time of its own.
class Run {
 public:
  Run(const std::filesystem::path& directory, Retention retention, std::vector<Format> formats = {Format::csv},
      TimestampNs start_ns = wall_clock_ns())
      : directory_(directory), now_ns_(start_ns) {
    OutputPlace place(directory);
    retention.clock = [this] { return now_ns_; };
    place.retention = retention;
    place.warn = [this](const std::string& text) { warnings_.push_back(text); };
    files_ = std::make_unique<WindowFiles>(formats, Profile::all, place);
    number_ = files_->next_window();
  }

  WindowOutcome write(std::size_t packets = 2) {
    WindowReport report = sample_report();
    report.number = number_++;
    for (SessionWindow& session : report.sessions) session.packets.resize(packets, session.packets.front());
    return files_->write(report);
  }
  void pass(std::chrono::nanoseconds time) { now_ns_ += time.count(); }

  std::uint64_t next_window() const { return files_->next_window(); }
  TimestampNs now_ns() const { return now_ns_; }
  Names names() const {
    Names names = files_below(directory_);
    std::erase(names, ".nicsentry.lock");
    return names;
  }
  Names rotated() const {
    Names names;
    for (const std::string& name : this->names()) {
      if (std::count(name.begin(), name.end(), '.') > 1) names.push_back(name);
    }
    return names;
  }
  std::uint64_t bytes() const {
    const Names all = names();
    return std::accumulate(all.begin(), all.end(), std::uint64_t{0}, [this](std::uint64_t sum, const auto& name) {
      return sum + std::filesystem::file_size(directory_ / name);
    });
  }
  const Names& warnings() const { return warnings_; }

 private:
  std::filesystem::path directory_;
  TimestampNs now_ns_;
  Names warnings_;
  std::unique_ptr<WindowFiles> files_;
  std::uint64_t number_ = 0;
};

Retention retention_of(Retention::Limits rotate, Retention::Limits keep, Compression compression = Compression::none) {
  Retention retention;
  retention.rotate = rotate;
  retention.keep = keep;
  retention.compression = compression;
  return retention;
}

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// The content as another program decompresses it.
std::string decompressed(const std::filesystem::path& path, const std::string& tool) {
  const std::filesystem::path plain = path.string() + ".plain";
  const std::string command = tool + " -dc '" + path.string() + "' > '" + plain.string() + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  std::string text = content(plain);
  std::filesystem::remove(plain);
  return text;
}

}  // namespace

TEST_CASE("a growing file is rotated at its age, with its windows whole and in order") {
  const TemporaryDirectory directory;
  Run run(directory.path(), retention_of({1h, std::nullopt}, {}));
  run.write();
  run.pass(59min);
  run.write();
  CHECK(run.rotated().empty());
  const std::string before = content(directory.path() / "sessions.csv");
  run.pass(1min);
  run.write();
  const Names rotated = run.rotated();
  REQUIRE(rotated.size() == 3);  // packets, sessions, windows
  CHECK_THAT(rotated[1], Catch::Matchers::Matches("sessions\\.[0-9]{8}T[0-9]{6}Z-1\\.csv"));
  CHECK(content(directory.path() / rotated[1]) == before);
  const std::string now = content(directory.path() / "sessions.csv");
  CHECK(now.substr(0, now.find('\n')) == before.substr(0, before.find('\n')));
  CHECK(lines_in(now) == 3);  // the header and two sessions
}

TEST_CASE("a growing file is rotated at its size") {
  const TemporaryDirectory directory;
  Run run(directory.path(), retention_of({std::nullopt, 100'000}, {}));
  std::uint64_t largest = 0;
  for (int i = 0; i < 40; ++i) {
    run.pass(10s);
    REQUIRE(run.write(200).errors.empty());
    largest = std::max<std::uint64_t>(largest, std::filesystem::file_size(directory.path() / "packets.csv"));
  }
  CHECK(run.rotated().size() >= 4);
  CHECK(largest >= 100'000);
  CHECK(largest < 150'000);  // at most one window above
}

TEST_CASE("a file without rows is not rotated") {
  const TemporaryDirectory directory;
  Run run(directory.path(), retention_of({1h, std::nullopt}, {}));
  run.pass(2h);
  run.write();
  CHECK(run.rotated().empty());
}

TEST_CASE("a later run goes on with the number behind rotated windows") {
  const TemporaryDirectory directory;
  {
    Run run(directory.path(), retention_of({1h, std::nullopt}, {}, Compression::gzip));
    for (int i = 0; i < 5; ++i) run.write();
    run.pass(2h);
    run.write();
  }
  for (const char* name : {"sessions.csv", "windows.csv", "packets.csv"}) {
    std::filesystem::remove(directory.path() / name);
  }
  const Run later(directory.path(), {});
  CHECK(later.next_window() == 5);
}

TEST_CASE("a rotated file is compressed so that other programs read it") {
  const auto [compression, suffix, tool] = GENERATE(table<Compression, std::string, std::string>(
      {{Compression::gzip, ".gz", "gzip"}, {Compression::zstd, ".zst", "zstd"}}));
  const TemporaryDirectory directory;
  Run run(directory.path(), retention_of({std::nullopt, 250'000}, {}, compression));
  for (int i = 0; i < 3; ++i) run.write(1'000);
  const std::string before = content(directory.path() / "packets.csv");
  REQUIRE(before.size() > 270'000);  // several pieces
  run.pass(1s);
  run.write();
  const Names rotated = run.rotated();
  const auto packets = std::find_if(rotated.begin(), rotated.end(),
                                    [](const std::string& name) { return name.starts_with("packets."); });
  REQUIRE(packets != rotated.end());
  CHECK(packets->ends_with(".csv" + suffix));
  CHECK(std::filesystem::file_size(directory.path() / *packets) < before.size() / 2);
  CHECK(decompressed(directory.path() / *packets, tool) == before);
  CHECK(std::none_of(rotated.begin(), rotated.end(), [](const std::string& name) { return name.ends_with(".csv"); }));
}

TEST_CASE("files beyond the age are removed, the oldest first") {
  const TemporaryDirectory directory;
  Run run(directory.path(), retention_of({1h, std::nullopt}, {3h, std::nullopt}), {Format::hosts});
  std::size_t most = 0;
  for (int i = 0; i < 20; ++i) {
    run.write();
    run.pass(30min);
    most = std::max(most, run.rotated().size());
  }
  CHECK(most >= 3);
  CHECK(most <= 4);
  CHECK(run.warnings().empty());
}

TEST_CASE("all files together never have more bytes than allowed, and the newest stay") {
  const auto formats =
      GENERATE(std::vector<Format>{Format::csv}, std::vector<Format>{Format::seed_json},
               std::vector<Format>{Format::seed_csv}, std::vector<Format>{Format::jsonl, Format::seed_json});
  const auto compression = GENERATE(Compression::none, Compression::zstd);
  constexpr std::uint64_t kMost = 1'500'000;
  const TemporaryDirectory directory;
  Run run(directory.path(), retention_of({}, {std::nullopt, kMost}, compression), formats);
  std::uint64_t most = 0;
  for (int i = 0; i < 60; ++i) {
    run.pass(10s);
    const WindowOutcome outcome = run.write(100 + 40 * static_cast<std::size_t>(i % 7));
    INFO("window " << i << (outcome.errors.empty() ? "" : outcome.errors.front()));
    REQUIRE(outcome.errors.empty());
    REQUIRE(run.bytes() <= kMost);
    for (const auto& file : outcome.files) CHECK(std::filesystem::exists(file));
    most = std::max(most, run.bytes());
  }
  CHECK(most > kMost / 4);  // what there is room for is kept
  CHECK(run.warnings().empty());
}

TEST_CASE("a window that no removal makes room for is lost, said, and the next one is written") {
  const TemporaryDirectory directory;
  constexpr std::uint64_t kMost = 200'000;
  Run run(directory.path(), retention_of({}, {std::nullopt, kMost}));
  REQUIRE(run.write().errors.empty());
  const std::string before = content(directory.path() / "sessions.csv");
  const WindowOutcome outcome = run.write(20'000);
  REQUIRE(outcome.errors.size() == 1);
  CHECK_THAT(outcome.errors[0], Contains("ENOSPC: the files in " + directory.path().string()) && Contains("--keep"));
  const Names rotated = run.rotated();
  const auto sessions = std::find_if(rotated.begin(), rotated.end(),
                                     [](const std::string& name) { return name.starts_with("sessions."); });
  REQUIRE(sessions != rotated.end());  // for the second try
  CHECK(content(directory.path() / *sessions) == before);
  CHECK(run.bytes() <= kMost);
  run.pass(10s);
  CHECK(run.write().errors.empty());
  CHECK(run.bytes() <= kMost);
}

TEST_CASE("a window that has room only without former ones is written") {
  const TemporaryDirectory directory;
  constexpr std::uint64_t kMost = 400'000;
  Run run(directory.path(), retention_of({}, {std::nullopt, kMost}));
  REQUIRE(run.write(1'500).errors.empty());
  REQUIRE(run.bytes() > 100'000);
  run.pass(10s);
  const WindowOutcome outcome = run.write(3'200);
  INFO((outcome.errors.empty() ? "" : outcome.errors.front()));
  CHECK(outcome.errors.empty());
  CHECK(run.bytes() > 300'000);
  CHECK(run.bytes() <= kMost);
}

TEST_CASE("files of an earlier run count, and go first") {
  const TemporaryDirectory directory;
  constexpr std::uint64_t kMost = 150'000;
  {
    Run run(directory.path(), {}, {Format::seed_json});
    for (int i = 0; i < 20; ++i) run.write(200);
    REQUIRE(run.bytes() > kMost);
  }
  put(directory.path() / "dump_ddos" / "mine.json", std::string(1000, 'x'));
  Run run(directory.path(), retention_of({}, {std::nullopt, kMost}), {Format::seed_json});
  const WindowOutcome outcome = run.write(200);
  REQUIRE(outcome.errors.empty());
  CHECK(run.bytes() <= kMost + 1000);
  const Names names = run.names();
  const auto there = [&names](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  CHECK_FALSE(there("dump_ddos/result_0.json"));
  CHECK(there("dump_ddos/result_19.json"));
  CHECK(there("dump_ddos/result_20.json"));
  CHECK(there("dump_ddos/mine.json"));  // not of ours
}

TEST_CASE("files of others with like names are not removed, and number no window") {
  const TemporaryDirectory directory;
  const Names others{"accounts.20260501T120000Z-900.csv",
                     "backup.20260501T120000Z-901.tar.gz",
                     "sessions.20260501T120000Z-902.txt",
                     "sessions.20260501T120000Z-903.csv.bak",
                     "sessions.20260501T120000Z-x.csv",
                     "old-sessions.20260501T120000Z-904.csv",
                     "results.20260501T120000Z-905.jsonl",
                     "result_906.json",
                     "plan-iter907.csv"};
  for (const std::string& name : others) put(directory.path() / name, std::string(100'000, 'x'));
  Run run(directory.path(), retention_of({}, {1h, 100'000}));
  CHECK(run.next_window() == 0);
  for (int i = 0; i < 50; ++i) {
    run.pass(1h);
    REQUIRE(run.write(20).errors.empty());
  }
  const Names names = run.names();
  for (const std::string& name : others) {
    INFO(name);
    CHECK(std::find(names.begin(), names.end(), name) != names.end());
  }
}

TEST_CASE("without room to compress, a rotated file stays as it is") {
  on_small_disk(std::size_t{1} << 20, [](const std::filesystem::path& path) {
    Run run(path, retention_of({1h, std::nullopt}, {}, Compression::gzip));
    run.write(2'000);
    const std::string before = content(path / "packets.csv");
    fill_up(path / "filler");
    run.pass(2h);
    CHECK(run.write().errors.size() == 1);
    std::filesystem::remove(path / "filler");
    run.pass(10s);
    CHECK(run.write().errors.empty());
    REQUIRE_FALSE(run.warnings().empty());
    CHECK_THAT(run.warnings().front(), Contains("not compressed: ENOSPC"));
    const Names rotated = run.rotated();
    const auto kept = std::find_if(rotated.begin(), rotated.end(), [](const std::string& name) {
      return name.starts_with("packets.") && name.ends_with(".csv");
    });
    REQUIRE(kept != rotated.end());
    CHECK(content(path / *kept) == before);
  });
}

}  // namespace nicsentry::file_keeper_test
