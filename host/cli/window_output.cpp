// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/window_output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "host/base/error.h"
#include "host/cli/duration.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/export/files/summary_json.h"
#include "host/export/files/table.h"

namespace nicsentry {
namespace {

// 0 where stdout is no terminal.
unsigned terminal_width() {
  winsize size{};
  return isatty(STDOUT_FILENO) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void print_text(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    throw SystemError(errno, "writing to standard output");
  }
}

std::uint64_t packets_in(const WindowReport& report) {
  std::uint64_t packets = 0;
  for (const Accounting& accounting : report.attachments) {
    packets += accounting.in().packets;
  }
  return packets;
}

}  // namespace

void add_window_options(CLI::App& command, WindowOptions& options, std::chrono::nanoseconds least) {
  command.add_option("--profile", options.profile, "ddos, crypto or all (default)")
      ->check(understood_by(parse_profile));
  command.add_option("--window", options.window, "length of a window: 10s, 50ms, 0.01")
      ->check(understood_by([least](const std::string& text) { parse_duration(text, least); }))
      ->capture_default_str();
  command.add_option("--cap", options.cap, "packets of a session that a window captures; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--format", options.formats, "files to write: seed-json, seed-csv, csv, jsonl (several: a,b)")
      ->delimiter(',')
      ->check(understood_by(parse_format));
  command.add_option("-o,--output", options.directory, "directory of the files")->capture_default_str();
  command.add_option("--top", options.top, "sessions in the table of a window")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  auto* json = command.add_flag("--json", options.json, "print each window's accounting as one line of JSON");
  command.add_flag("-q,--quiet", options.quiet, "print no table, log only warnings")->excludes(json);
}

std::vector<Format> parse_formats(const WindowOptions& options) {
  std::vector<Format> formats;
  for (const std::string& name : options.formats) {
    const Format format = parse_format(name);
    if (std::find(formats.begin(), formats.end(), format) == formats.end()) {  // two writers would write each row twice
      formats.push_back(format);
    }
  }
  return formats;
}

WindowOutput::WindowOutput(const WindowOptions& options, std::vector<Format> formats)
    : options_(options), formats_(std::move(formats)) {}

void WindowOutput::open(Profile profile) {
  for (const Format format : formats_) {
    writers_.push_back(make_writer(format, profile, options_.directory));
  }
}

WindowOutcome WindowOutput::write(const WindowReport& report) {
  WindowOutcome outcome;
  outcome.number = report.number;
  const auto attempt = [&outcome](const auto& act) {
    try {
      act();
    } catch (const std::exception& error) {
      outcome.errors.emplace_back(error.what());
      log_error(error.what());
    }
  };
  for (const auto& writer : writers_) {
    attempt([&] {
      const auto files = writer->write(report);
      outcome.files.insert(outcome.files.end(), files.begin(), files.end());
    });
  }
  attempt([&] { print(report); });
  return outcome;
}

void WindowOutput::print(const WindowReport& report) const {
  if (options_.json) {
    print_text(window_json(report).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  } else if (packets_in(report) == 0) {
    log_info("window " + std::to_string(report.number) + ": nothing came");
  } else if (!options_.quiet) {
    print_text(format_table(report, terminal_width(), options_.top));
  }
}

}  // namespace nicsentry
