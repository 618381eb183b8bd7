// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/app/daemon_options.h"
#include "host/cli/retention_text.h"
#include "host/cli/window_options.h"

namespace nicsentry {

// The options of `run`, as text until they are parsed.
struct RunOptions {
  std::vector<std::string> interfaces;
  std::string config;
  std::string mode = "auto";
  std::string direction = "ingress";
  std::uint64_t windows = 0;
  std::optional<std::uint32_t> sessions;
  bool dispatcher = false;
  bool vlan = false;
  bool firewall = false;
  bool count_hits = false;
  bool cut_frames = false;
  bool dedup = false;
  bool leave_attached = false;
  bool yes = false;
  std::optional<std::filesystem::path> rules;
  std::optional<std::filesystem::path> egress_rules;
  std::optional<std::filesystem::path> state;
  std::optional<std::filesystem::path> log;
  std::uint64_t log_rate = DaemonOptions{}.log_rate;
  std::string log_format = "auto";
  std::vector<std::string> timeouts;
  std::string tcp_loose = "on";
  std::vector<std::string> listen;
  std::optional<std::filesystem::path> token_file;
  std::vector<std::string> hosts;
  std::optional<std::filesystem::path> tls_certificate;
  std::optional<std::filesystem::path> tls_key;
  bool open_read = false;
  bool insecure = false;
  WindowOptions window;
  RetentionOptions retention;
};

// The one table of them: the command line, --help, completion and configuration files are made from what it adds.
void add_run_options(CLI::App& command, RunOptions& options);

// Whether a reload of a run takes another value of the option; else that takes a restart.
bool changes_in_flight(std::string_view option);

// Checks options against each other, once all of them are read. Throws CLI::ValidationError or CLI::RequiredError.
void check_run_options(const RunOptions& options);

DaemonOptions daemon_options(const RunOptions& options);    // throws Error
ReportOutputOptions run_output(const RunOptions& options);  // throws Error

}  // namespace nicsentry
