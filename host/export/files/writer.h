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

// What is written: docs/formats.md.
enum class Format : std::uint8_t { seed_json, seed_csv, csv, jsonl };

// "seed-json", "seed-csv", "csv", "jsonl".
const char* format_name(Format format);

// Throws Error for anything but the four names.
Format parse_format(std::string_view name);

// Writes windows to files. Of each window all files appear, or, with a SystemError naming the file and the reason, none
// do; a later window may succeed again. Not for use by several threads at a time.
class WindowWriter {
 public:
  WindowWriter() = default;
  WindowWriter(const WindowWriter&) = delete;
  WindowWriter& operator=(const WindowWriter&) = delete;
  virtual ~WindowWriter() = default;

  // Returns the files made or extended.
  virtual std::vector<std::filesystem::path> write(const WindowReport& report) = 0;
};

// Makes the directories that are missing and starts the growing files anew. Throws SystemError naming what cannot be
// written. The seed formats go to dump_ddos/ and dump_crypto/ below the directory, the others into it.
std::unique_ptr<WindowWriter> make_writer(Format format, Profile profile, const std::filesystem::path& directory);

}  // namespace nicsentry
