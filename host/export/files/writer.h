// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "host/report/profile.h"
#include "host/report/window_report.h"

namespace nicsentry {

// The formats are described in docs/formats.md.
enum class Format : std::uint8_t { seed_json, seed_csv, csv, jsonl };

// "seed-json", "seed-csv", "csv", "jsonl".
const char* format_name(Format format);

// Throws Error for any other name.
Format parse_format(std::string_view name);

// Writes windows to files. All files of a window appear, or none. In the latter case a SystemError names the file and
// the reason, and later windows may succeed. Not for several threads at once.
class WindowWriter {
 public:
  WindowWriter() = default;
  WindowWriter(const WindowWriter&) = delete;
  WindowWriter& operator=(const WindowWriter&) = delete;
  virtual ~WindowWriter() = default;

  // Returns the files that were created or extended.
  virtual std::vector<std::filesystem::path> write(const WindowReport& report) = 0;
};

// Makes missing directories and creates the growing files. Throws SystemError that names what cannot be written. The
// formats of the earlier system go to dump_ddos/ and dump_crypto/ below the directory, the others into the directory.
std::unique_ptr<WindowWriter> make_writer(Format format, Profile profile, const std::filesystem::path& directory);

}  // namespace nicsentry
