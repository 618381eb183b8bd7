// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "host/export/files/writer.h"
#include "host/report/profile.h"
#include "host/report/window_report.h"
#include "host/run/window_sink.h"

namespace nicsentry {

// What run and replay have in common: options of the analysis and of its output, as text until they are parsed.
struct WindowOptions {
  std::string profile;
  std::string window = "10s";
  std::uint64_t cap = 100;
  std::vector<std::string> formats;
  std::filesystem::path directory = ".";
  bool json = false;
  bool quiet = false;
  unsigned top = 10;
};
// `least`: the shortest window.
void add_window_options(CLI::App& command, WindowOptions& options, std::chrono::nanoseconds least);
std::vector<Format> parse_formats(const WindowOptions& options);  // throws Error

// Prints windows and writes them to files.
class WindowOutput {
 public:
  WindowOutput(const WindowOptions& options, std::vector<Format> formats);

  // Makes the writers: from here on the directories are there. Throws Error.
  void open(Profile profile);
  // Errors are logged, too. One thread at a time.
  WindowOutcome write(const WindowReport& report);

 private:
  void print(const WindowReport& report) const;

  const WindowOptions& options_;
  std::vector<Format> formats_;
  std::vector<std::unique_ptr<WindowWriter>> writers_;
};

}  // namespace nicsentry
