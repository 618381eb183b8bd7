// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/base/atomic_file.h"
#include "host/export/files/retention.h"
#include "host/export/files/tidy_rows.h"
#include "host/report/profile.h"
#include "host/report/window_report.h"

namespace nicsentry {

// The formats are described in docs/formats.md.
enum class Format : std::uint8_t { seed_json, seed_csv, csv, jsonl, hosts, ports, hosts_jsonl, ports_jsonl };

// "seed-json", "seed-csv", "csv", "jsonl", "hosts", "ports", "hosts-jsonl", "ports-jsonl".
const char* format_name(Format format);

// Throws Error for any other name.
Format parse_format(std::string_view name);

// Where files are written, and what becomes of those of an earlier run.
struct OutputPlace {
  OutputPlace() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  OutputPlace(std::filesystem::path at, EarlierFile files = EarlierFile::continued)
      : directory(std::move(at)), earlier(files) {}

  std::filesystem::path directory;
  EarlierFile earlier = EarlierFile::continued;
  std::uint64_t seed_csv_files = 250'000;   // that dump_ddos/ may hold; 0: any number
  std::size_t traffic_rows = kTrafficRows;  // of a window in hosts and ports, beside one for the rest; 0: no limit
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  Retention retention{};
  BeforeWrite room{};  // asked before a window's bytes are written
};

// Writes windows to files. All files of a window appear, or none. In the latter case a SystemError names the file and
// the reason, and later windows may succeed. Not for several threads at once.
class WindowWriter {
 public:
  WindowWriter() = default;
  WindowWriter(const WindowWriter&) = delete;
  WindowWriter& operator=(const WindowWriter&) = delete;
  virtual ~WindowWriter() = default;

  // The number after the highest of an earlier run's windows that is to be seen in the directory; 0: there is none.
  virtual std::uint64_t next_window() const = 0;

  // Files that grow, with the bytes of their headers.
  struct Growing {
    std::filesystem::path path;
    std::size_t header_bytes = 0;
  };
  virtual std::vector<Growing> growing_files() const { return {}; }

  // Returns the files that were created or extended.
  virtual std::vector<std::filesystem::path> write(const WindowReport& report) = 0;
  // How many sessions of the last window have no file, because there are too many files.
  virtual std::uint64_t sessions_left_out() const { return 0; }
};

// Makes missing directories and the growing files, or continues those of an earlier run. Throws SystemError that names
// what cannot be written. The formats of the earlier system go to dump_ddos/ and dump_crypto/ below the directory, the
// others into the directory.
std::unique_ptr<WindowWriter> make_writer(Format format, Profile profile, const OutputPlace& place);

}  // namespace nicsentry
