// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "host/app/report_output.h"

namespace nicsentry {

// Which lengths of a window --window takes.
enum class WindowLengths : std::uint8_t { durations, durations_or_all };

// Options that run and replay share: of the analysis and of its output, as text until they are parsed.
struct WindowOptions {
  std::string profile;
  std::string window = "10s";
  std::uint64_t cap = 100;
  std::vector<std::string> formats;
  std::filesystem::path directory = ".";
  std::vector<const CLI::Option*> file_options;  // those that have no effect without `formats`
  bool overwrite = false;
  std::uint64_t seed_csv_files = OutputPlace().seed_csv_files;
  std::string stream;
  bool json = false;
  bool quiet = false;
  unsigned top = 10;
  std::size_t rows = OutputPlace().traffic_rows;
  std::string by;
  std::string sort;
  bool local_time = false;
  bool wide = false;
  bool service_names = false;
  std::string filter;
};
// The --window of one window that ends with the captures.
inline constexpr const char* kAllInOneWindow = "all";
// `least`: the shortest window.
void add_window_options(CLI::App& command, WindowOptions& options, std::chrono::nanoseconds least,
                        WindowLengths lengths = WindowLengths::durations);

// Checks options against each other, once all of them are read. Throws CLI::ValidationError.
void check_window_options(const WindowOptions& options);

// Warns of options that have no effect: --output, --rotate and their like without --format, --local-time with a time
// zone that there is not.
void warn_of_vain_options(const WindowOptions& options);

ReportOutputOptions output_options(const WindowOptions& options);  // throws Error

}  // namespace nicsentry
