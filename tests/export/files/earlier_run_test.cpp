// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <utility>

#include "host/export/files/window_files.h"
#include "host/export/files/writer.h"
#include "tests/export/files/sample.h"
#include "tests/support/output_files.h"

namespace nicsentry::output_earlier_run_test {

using namespace test;
using Names = std::vector<std::string>;
using Catch::Matchers::Contains;

namespace {

const std::vector<Format> kAll = {Format::seed_json, Format::seed_csv, Format::csv, Format::jsonl};
const std::vector<std::string> kTidy = {"sessions.csv",   "packets.csv",   "windows.csv",
                                        "sessions.jsonl", "packets.jsonl", "windows.jsonl"};

// A run that writes one window of its own number `number`, counted on from those of earlier runs. Returns the number in
// the files. Adds what the run warns of to `warned`.
std::uint64_t run(const std::filesystem::path& directory, const std::vector<Format>& formats, std::uint64_t number,
                  std::string* warned = nullptr, EarlierFile earlier = EarlierFile::continued) {
  OutputPlace place(directory, earlier);
  if (warned != nullptr) {
    place.warn = [warned](const std::string& text) { *warned += text + "\n"; };
  }
  WindowFiles files(formats, Profile::all, place);
  WindowReport report = sample_report();
  report.number = files.next_window() + number;
  CHECK(files.write(report).errors.empty());
  return report.number;
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  std::string text = content(path);
  for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
    lines.push_back(text.substr(0, end));
  }
  CHECK(text.empty());
  return lines;
}

void append(const std::filesystem::path& path, const std::string& text) { put(path, content(path) + text); }

}  // namespace

TEST_CASE("a run in the directory of an earlier one goes on in its files, with the window after its last") {
  const TemporaryDirectory directory;
  std::string warned;
  CHECK(run(directory.path(), kAll, 3, &warned) == 3);
  std::vector<std::string> before;
  for (const auto& name : kTidy) before.push_back(content(directory.path() / name));
  CHECK(run(directory.path(), kAll, 0, &warned) == 4);
  CHECK(run(directory.path(), kAll, 2, &warned) == 7);
  for (std::size_t file = 0; file < kTidy.size(); ++file) {
    CAPTURE(kTidy[file]);
    const std::string after = content(directory.path() / kTidy[file]);
    CHECK(after.substr(0, before[file].size()) == before[file]);
    const auto lines = lines_of(directory.path() / kTidy[file]);
    CHECK_THAT(lines.back(), Catch::Matchers::StartsWith("7,") || Catch::Matchers::StartsWith("{\"window\":7,"));
    CHECK(std::count(lines.begin(), lines.end(), lines.front()) == 1);  // one header
  }
  for (const char* number : {"3", "4", "7"}) {
    const auto result = "result_" + std::string(number) + ".json";
    CHECK(std::filesystem::exists(directory.path() / "dump_ddos" / result));
    CHECK(std::filesystem::exists(directory.path() / "dump_crypto" / result));
    CHECK(std::filesystem::exists(directory.path() / "dump_ddos" /
                                  ("10.0.0.1-34567___10.0.0.2-80___TCP-iter" + std::string(number) + ".csv")));
  }
  CHECK(lines_of(directory.path() / "dump_crypto" / "results.csv").size() == 1 + 3);
  CHECK(warned.empty());
}

TEST_CASE("each format alone goes on after the highest number there") {
  for (const Format format : kAll) {
    CAPTURE(format_name(format));
    const TemporaryDirectory directory;
    CHECK(run(directory.path(), {format}, 9) == 9);
    CHECK(run(directory.path(), {format}, 1) == 11);
    CHECK(run(directory.path(), {format}, 0) == 12);
  }
}

TEST_CASE("names that only resemble those of numbered files have no number") {
  const TemporaryDirectory directory;
  const auto ddos = directory.path() / "dump_ddos";
  std::filesystem::create_directory(ddos);
  for (const char* name : {"result_.json", "result_12x.json", "result_x12.json", "result_13.json.bak",
                           "result_-14.json", "result_99999999999999999999999.json", "12.json"}) {
    put(ddos / name, "");
  }
  CHECK(run(directory.path(), {Format::seed_json}, 0) == 0);
  put(ddos / "result_0012.json", "");
  CHECK(run(directory.path(), {Format::seed_json}, 0) == 13);
}

TEST_CASE("--overwrite begins growing files and numbers anew") {
  const TemporaryDirectory directory;
  run(directory.path(), kAll, 3);
  const std::string first = content(directory.path() / "sessions.csv");
  CHECK(run(directory.path(), kAll, 3, nullptr, EarlierFile::replaced) == 3);
  CHECK(content(directory.path() / "sessions.csv") == first);
  CHECK(lines_of(directory.path() / "dump_crypto" / "results.csv").size() == 1 + 1);
}

TEST_CASE("a file with other fields is moved aside and named, and nothing of it is lost") {
  const std::vector<std::pair<std::string, std::string>> others = {
      {"sessions.csv", "window,session\n3,7\n"},
      {"sessions.csv", "a file without a line end"},
      {"sessions.csv", "\n"},
      {"windows.jsonl", "{\"window\":3,\"start_ns\":5}\n"},
      {"windows.jsonl", "a file without a line end"},
      {"windows.jsonl", "no JSON\n"},
      {"dump_crypto/results.csv", "Timestamp, Client\n1, 10.0.0.1\n"},
  };
  for (const auto& [name, text] : others) {
    CAPTURE(name, text);
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path() / "dump_crypto");
    put(directory.path() / name, text);
    put(directory.path() / (name + ".old-1"), "moved by an earlier run");
    std::string warned;
    CHECK(run(directory.path(), kAll, 0, &warned) == 0);
    CHECK(content(directory.path() / (name + ".old-2")) == text);
    CHECK(content(directory.path() / (name + ".old-1")) == "moved by an earlier run");
    CHECK_THAT(warned, Contains((directory.path() / name).string() + " has other fields") && Contains(".old-2"));
    CHECK(std::count(warned.begin(), warned.end(), '\n') == 1);
    CHECK(run(directory.path(), kAll, 0) == 1);
  }
}

TEST_CASE("a row that is not whole is removed and named, wherever the killed run stopped in it") {
  const TemporaryDirectory once;
  run(once.path(), kAll, 3);
  for (std::string name : {"sessions.csv", "packets.csv", "windows.csv", "sessions.jsonl", "packets.jsonl",
                           "windows.jsonl", "dump_crypto/results.csv"}) {
    const TemporaryDirectory directory;
    run(directory.path(), kAll, 3);
    const auto path = directory.path() / name;
    const std::string whole = content(path);
    const std::string row = lines_of(path).back() + "\n";
    const std::string zeros(300'000, '\0');
    for (std::size_t length = 1; length < row.size(); length += 7) {
      CAPTURE(name, length);
      put(path, whole + row.substr(0, length));
      std::string warned;
      const WindowFiles files(kAll, Profile::all, [&] {
        OutputPlace place(directory.path());
        place.warn = [&warned](const std::string& text) { warned += text; };
        return place;
      }());
      CHECK(files.next_window() == 4);
      CHECK(content(path) == whole);
      CHECK(warned ==
            path.string() + ": " + std::to_string(length) + " bytes at its end were removed: a row that is not whole");
    }
    append(path, zeros);  // what a file system may leave after a loss of power
    CHECK(run(directory.path(), kAll, 0) == 4);
    CHECK_THAT(content(path), Catch::Matchers::StartsWith(whole) && !Contains(std::string(1, '\0')));
  }
}

TEST_CASE("a row of CSV with line ends between quotes is whole, and half of it is not") {
  const TemporaryDirectory directory;
  WindowReport report = sample_report();
  report.attachments[0].interface = "first\n77,second \"quoted\".pcap";
  make_writer(Format::csv, Profile::all, directory.path())->write(report);
  const auto path = directory.path() / "windows.csv";
  const std::string whole = content(path);
  CHECK(make_writer(Format::csv, Profile::all, directory.path())->next_window() == 4);
  CHECK(content(path) == whole);

  put(path, whole + "4,1777636810000000000,1777636820000000000,\"first\n");
  CHECK(make_writer(Format::csv, Profile::all, directory.path())->next_window() == 4);
  CHECK(content(path) == whole);
}

TEST_CASE("a row of JSON with a quote in a name is whole") {
  const TemporaryDirectory directory;
  WindowReport report = sample_report();
  report.attachments[0].interface = "one\"quote";
  make_writer(Format::jsonl, Profile::all, directory.path())->write(report);
  const std::string whole = content(directory.path() / "windows.jsonl");
  CHECK(make_writer(Format::jsonl, Profile::all, directory.path())->next_window() == 4);
  CHECK(content(directory.path() / "windows.jsonl") == whole);
}

TEST_CASE("windows that are only in one table count: the others may have been moved away, or their run was killed") {
  const TemporaryDirectory directory;
  run(directory.path(), {Format::jsonl}, 3);
  std::filesystem::remove(directory.path() / "windows.jsonl");
  std::filesystem::remove(directory.path() / "packets.jsonl");
  CHECK(run(directory.path(), {Format::jsonl}, 0) == 4);
}

TEST_CASE("what is no regular file is not continued") {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() / "sessions.csv");
  CHECK_THROWS_WITH(make_writer(Format::csv, Profile::all, directory.path()),
                    Contains((directory.path() / "sessions.csv").string()));
}

}  // namespace nicsentry::output_earlier_run_test
