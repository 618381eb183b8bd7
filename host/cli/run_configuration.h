// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/cli/run_options.h"
#include "host/config/configuration.h"

namespace nicsentry {

// What a command line gives, by the options' names without "--".
using GivenOptions = std::map<std::string, std::vector<std::string>>;
GivenOptions given_on(const CLI::App& command);

// The options of a run, read from its command line and the files that its --config names.
struct RunReading {
  std::shared_ptr<CLI::App> command;  // `options` refer to it
  std::shared_ptr<RunOptions> options;
  std::vector<config::Setting> settings;  // each option but --config
  std::vector<config::File> files;
  std::vector<std::string> mistakes;  // of the files, a line each
};
// The command line is over files, and they over the defaults. Throws Error where a file cannot be read.
RunReading read_run_options(const GivenOptions& given);
// The same of these files, in place of those that --config names.
RunReading read_run_options(const GivenOptions& given, const std::vector<config::File>& files);

// As read_run_options(given), complete and without mistakes. Throws Error with all mistakes, a line each.
RunReading checked_run_options(const GivenOptions& given);

// What is wrong with the options as a whole; empty: nothing.
std::string fault_of(const RunReading& reading);

}  // namespace nicsentry
