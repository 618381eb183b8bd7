// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "host/api/client/controller.h"
#include "host/app/named_files.h"
#include "host/base/error.h"
#include "host/base/text_table.h"
#include "host/cli/commands.h"
#include "host/cli/run_configuration.h"
#include "host/ports/other_namespaces.h"
#include "host/ports/port_claim.h"

namespace nicsentry {
namespace {

struct ConfigOptions {
  std::vector<std::string> files;
  std::vector<std::string> interfaces;
  std::string config = NICSENTRY_CONFIG_DIR;
  bool json = false;
};

bool is_directory(const std::string& path) {
  std::error_code none;
  return std::filesystem::is_directory(path, none);
}

// The files that a run could read together: nicsentry.conf alone, and with each port's.
std::vector<std::vector<config::File>> runs_of(const std::string& path) {
  if (!is_directory(path)) {
    if (path == NICSENTRY_CONFIG_DIR) {
      return {};
    }
    return {config::files_of(path, {})};
  }
  const std::vector<config::File> all = config::files_in(path);
  std::vector<config::File> common;
  std::copy_if(all.begin(), all.end(), std::back_inserter(common),
               [](const config::File& file) { return !file.of_one_port; });
  std::vector<std::vector<config::File>> runs;
  if (!common.empty()) {
    runs.push_back(common);
  }
  for (const config::File& file : all) {
    if (file.of_one_port) {
      runs.push_back(common);
      runs.back().push_back(file);
    }
  }
  return runs;
}

// "FILE:LINE: rules: /etc/rules.json: ..."
std::string fault_text(const RunReading& reading, const NamedFileFault& fault) {
  const auto setting = std::find_if(reading.settings.begin(), reading.settings.end(),
                                    [&fault](const config::Setting& one) { return one.name == fault.option; });
  return (setting == reading.settings.end() ? "" : setting->source + ": ") + fault.option + ": " + fault.text;
}

// Files whose options are right one by one may contradict each other, or name files that are wrong. A port is the
// command line's matter.
std::vector<std::string> faults_together(const std::vector<config::File>& files, const RunReading& reading) {
  if (!reading.mistakes.empty()) {
    return {};
  }
  GivenOptions port;
  if (reading.options->interfaces.empty()) {
    port["interface"] = {"eth0"};
  }
  const RunReading whole = read_run_options(port, files);
  if (const std::string fault = fault_of(whole); !fault.empty()) {
    return {files.back().path.string() + ": " + fault};
  }
  std::vector<std::string> faults;
  for (const NamedFileFault& fault : faults_of_named_files(daemon_options(*whole.options))) {
    faults.push_back(fault_text(whole, fault));
  }
  return faults;
}

int check(const ConfigOptions& options) {
  const std::vector<std::string> paths = options.files.empty() ? std::vector{options.config} : options.files;
  std::set<std::string> reported;
  std::set<std::filesystem::path> files;
  for (const std::string& path : paths) {
    for (const std::vector<config::File>& run : runs_of(path)) {
      const RunReading reading = read_run_options({}, run);
      std::vector<std::string> mistakes = reading.mistakes;
      const std::vector<std::string> together = faults_together(run, reading);
      mistakes.insert(mistakes.end(), together.begin(), together.end());
      for (const config::File& file : run) {
        files.insert(file.path);
      }
      for (const std::string& mistake : mistakes) {
        if (reported.insert(mistake).second) {
          std::fprintf(stderr, "nicsentry: error: %s\n", mistake.c_str());
        }
      }
    }
  }
  if (!reported.empty()) {
    return kExitFailure;
  }
  if (files.empty()) {
    std::printf("%s: no configuration file; the defaults hold\n", paths.front().c_str());
  }
  for (const std::filesystem::path& file : files) {
    std::printf("%s: no mistake\n", file.c_str());
  }
  return kExitSuccess;
}

// A run of the port may have been started with other options, or before its files changed.
std::vector<config::Setting> settings_of_run(const std::string& name, int& process) {
  try {
    const auto found = read_port_record(find_port(name));
    if (!found || !found->running || found->record.socket.empty()) {
      return {};
    }
    process = found->record.pid;
    return Controller(found->record.socket).status().configuration;
  } catch (const Error&) {
    return {};  // there is no such port here, or its run does not answer
  }
}

void tell_of_run(const std::string& port, const std::vector<config::Setting>& wanted) {
  int process = 0;
  for (const config::Setting& running : settings_of_run(port, process)) {
    const auto found = std::find_if(wanted.begin(), wanted.end(),
                                    [&running](const config::Setting& one) { return one.name == running.name; });
    if (found == wanted.end() || found->value == running.value || running.name == config::kPorts) {
      continue;
    }
    std::printf("%s: the run (process %d) has %s %s (%s): %s takes %s\n", port.c_str(), process, running.name.c_str(),
                config::value_text(running).c_str(), running.source.c_str(), found->reload ? "a reload" : "a restart",
                config::value_text(*found).c_str());
  }
}

int show(const ConfigOptions& options) {
  GivenOptions given;
  if (!options.interfaces.empty()) {
    given["interface"] = options.interfaces;
  }
  given["config"] = {options.config};
  const RunReading reading = read_run_options(given);
  if (options.json) {
    std::printf("%s\n", config::settings_json(reading.settings).dump(2).c_str());
  } else {
    TextTable table({{"OPTION"}, {"VALUE"}, {"FROM"}});
    for (const config::Setting& setting : reading.settings) {
      table.add({setting.name, config::value_text(setting), setting.source});
    }
    std::fputs(table.text().c_str(), stdout);
    for (const std::string& port : reading.options->interfaces) {
      tell_of_run(port, reading.settings);
    }
  }
  for (const std::string& mistake : reading.mistakes) {
    std::fprintf(stderr, "nicsentry: error: %s\n", mistake.c_str());
  }
  return reading.mistakes.empty() ? kExitSuccess : kExitFailure;
}

}  // namespace

void add_config_commands(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<ConfigOptions>();
  CLI::App* command = app.add_subcommand("config", "configuration files: check them, show what holds");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n"
      "  nicsentry config check eth0.conf\n"
      "  nicsentry config show -i eth0 --config eth0.conf");
  CLI::App* checked =
      command->add_subcommand("check", "report every mistake of configuration files and of the files that they name");
  checked->add_option("FILE", options->files,
                      std::string("files or directories (default: ") + NICSENTRY_CONFIG_DIR + ")");
  checked->footer(
      "Examples:\n"
      "  nicsentry config check\n"
      "  nicsentry config check eth0.conf");
  checked->callback([options, &chosen] { chosen = [options] { return check(*options); }; });
  CLI::App* shown = command->add_subcommand("show", "the value of each option of `run`, and where it comes from");
  shown->add_option("-i,--interface", options->interfaces, "the port of the run (repeatable)")->allow_extra_args(false);
  shown->add_option("--config", options->config, "file or directory, as of run")->capture_default_str();
  shown->add_flag("--json", options->json, "print JSON");
  shown->footer(
      "Examples:\n"
      "  nicsentry config show -i eth0\n"
      "  nicsentry config show -i eth0 --json");
  shown->callback([options, &chosen] { chosen = [options] { return show(*options); }; });
}

}  // namespace nicsentry
