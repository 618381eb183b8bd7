// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "host/app/background_run.h"
#include "host/app/systemd_unit.h"
#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/service_unit.h"
#include "host/cli/commands.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/cli/port_options.h"
#include "host/cli/run_configuration.h"
#include "host/ports/other_namespaces.h"
#include "host/ports/port_claim.h"
#include "host/ports/port_status.h"

namespace nicsentry {
namespace {

constexpr const char* kBoth = "both";

struct UpOptions {
  std::string interface;
  bool online = false;
  std::string direction;
  std::string config;
  std::string state;
  std::string log_file;
};

// The programs of nicsentry's that are on the port.
std::vector<AttachmentStatus> own_programs(const Interface& port) {
  std::vector<AttachmentStatus> own = port_status(port);
  std::erase_if(own, [](const AttachmentStatus& one) { return !one.program.identity.ours(); });
  return own;
}

std::string places_of(const Interface& port) {
  std::string text;
  for (const AttachmentStatus& one : own_programs(port)) {
    text += (text.empty() ? "" : ", ") + std::string(hook_name(one.hook)) + " (mode " + mode_name(one.mode) + ")";
  }
  return text;
}

// "process 712 (nicsentry@eth0.service)"
std::string process_words(int pid) { return "process " + std::to_string(pid) + service_unit_of(pid); }

// The direction that the options ask for; empty: as configured.
std::string wanted_direction(const UpOptions& options) { return options.online ? kBoth : options.direction; }

// A run of the port goes on already: nothing to do where it is one of `up` with these options.
int find_up(const Interface& port, int pid, const std::optional<UpRecord>& record, const std::string& direction) {
  const bool of_up = record && (record->pid == pid || !record->unit.empty());
  if (!of_up) {
    throw Error("EBUSY: " + port.name + " is watched already by nicsentry, " + process_words(pid) +
                ", which 'up' has not started; end it first");
  }
  if (!direction.empty() && direction != record->direction) {
    throw Error(
        "EBUSY: " + port.name + " is up already with " +
        (record->direction.empty() ? "the direction of its configuration" : "--direction " + record->direction) + ", " +
        process_words(pid) + "; for another one first: nicsentry down " + port.name);
  }
  log_info(port.name + ": is up already, " + process_words(pid));
  return kExitSuccess;
}

void make_parent(const std::filesystem::path& path) {
  std::error_code failure;
  std::filesystem::create_directories(path.parent_path(), failure);
  if (failure) {
    throw SystemError(failure.value(), "making the directory " + path.parent_path().string());
  }
}

// Whether files of the configuration set the option.
bool configured(const RunReading& reading, const std::string& option) {
  return std::any_of(reading.settings.begin(), reading.settings.end(), [&option](const config::Setting& one) {
    return one.name == option && one.source != config::kFromDefault && one.source != config::kFromCommandLine;
  });
}

// The words of the run in the background: the firewall with kept rules, the analyses of the configuration (all, unless
// it says otherwise).
std::vector<std::string> run_words(const UpOptions& options, const std::string& direction) {
  const std::string configuration = options.config.empty() ? NICSENTRY_CONFIG_DIR : options.config;
  const GivenOptions given{{"interface", {options.interface}}, {"config", {configuration}}, {"firewall", {"true"}}};
  const RunReading reading = checked_run_options(given);
  std::vector<std::string> words{"nicsentry",       "run",      "-i",
                                 options.interface, "--config", std::filesystem::absolute(configuration).string(),
                                 "--firewall"};
  if (configuration == NICSENTRY_CONFIG_DIR) {
    words[5] = configuration;
  }
  if (!direction.empty()) {
    words.insert(words.end(), {"--direction", direction});
  }
  if (!options.state.empty() || !configured(reading, "state")) {
    std::filesystem::path state = std::filesystem::path("/var/lib/nicsentry") / options.interface;
    if (!options.state.empty()) {
      state = std::filesystem::absolute(options.state);
    }
    make_parent(state);
    words.insert(words.end(), {"--state", state.string()});
  }
  return words;
}

void refuse_options_of_background(const UpOptions& options) {
  for (const auto& [name, value] : {std::pair("--config", options.config), std::pair("--state", options.state),
                                    std::pair("--log-file", options.log_file)}) {
    if (!value.empty()) {
      throw Error(std::string(name) + " is for a run in the background; here systemd starts " +
                  unit_of_port(options.interface) + ", which has its own");
    }
  }
}

// What the unit reads beside its configuration.
std::filesystem::path unit_options_file(const std::string& port) {
  return runtime_directory_to_drive() / ("up-" + port + ".env");
}

void start_unit(const Interface& port, UpRecord record) {
  record.unit = unit_of_port(port.name);
  const std::filesystem::path file = unit_options_file(port.name);
  if (record.direction.empty()) {
    remove_file(file);
  } else {
    PendingFile written(file, PendingFile::Kind::create, kModePrivate);
    written.write("NICSENTRY_UP=--direction " + record.direction + "\n");
    written.finish();
    written.publish();
  }
  try {
    systemctl({"start", record.unit});
  } catch (const Error&) {
    remove_file(file);
    throw;
  }
  write_up_record(port, record);
}

void start_background(const Interface& port, const UpOptions& options, UpRecord record) {
  record.log = options.log_file.empty() ? "/var/log/nicsentry/" + port.name + ".log"
                                        : std::filesystem::absolute(options.log_file).string();
  const auto former = read_up_record(port);
  try {
    start_in_background(port, run_words(options, record.direction), record.log, [&port, &record](int pid) {
      record.pid = pid;
      write_up_record(port, record);
    });
  } catch (const Error&) {
    if (former) {
      write_up_record(port, *former);
    } else {
      remove_up_record(port);
    }
    throw;
  }
}

int up(const UpOptions& options) {
  set_up_log(false);
  const Interface port = find_port(options.interface);
  const std::string direction = wanted_direction(options);
  runtime_directory_to_drive();  // its error says which rights this takes
  if (const int pid = process_of_port(port); pid != 0) {
    return find_up(port, pid, read_up_record(port), direction);
  }
  UpRecord record;
  record.direction = direction;
  if (const auto former = read_up_record(port)) {
    record.found = former->found;  // its run died: what it has left is to go at `down`
  } else {
    for (const AttachmentStatus& one : own_programs(port)) {
      record.found.insert(one.hook);
    }
  }
  if (systemd_runs()) {
    refuse_options_of_background(options);
    start_unit(port, record);
  } else {
    start_background(port, options, record);
  }
  const auto written = read_up_record(port);
  log_info(port.name + ": up on " + places_of(port) + ", " + process_words(process_of_port(port)) +
           (written && !written->log.empty() ? ", messages in " + written->log : "") +
           "; down again with: nicsentry down " + port.name);
  return kExitSuccess;
}

int down(const UpOptions& options) {
  set_up_log(false);
  const Interface port = find_port(options.interface);
  runtime_directory_to_drive();
  const auto record = read_up_record(port);
  const int pid = process_of_port(port);
  if (!record) {
    if (pid != 0) {
      throw Error("EBUSY: " + process_words(pid) + " watches " + port.name + ", which 'up' has not started; end it " +
                  "itself");
    }
    log_info(port.name + ": is down already");
    return kExitSuccess;
  }
  if (!record->unit.empty()) {
    systemctl({"stop", record->unit});
    remove_file(unit_options_file(port.name));
  } else if (pid != 0 && pid == record->pid) {
    end_background_run(port, pid);
  }
  if (const int other = process_of_port(port); other != 0) {
    throw Error("EBUSY: " + process_words(other) + " watches " + port.name + " now; end it itself");
  }
  const std::vector<AttachmentStatus> left = own_programs(port);
  if (std::any_of(left.begin(), left.end(), [&](const auto& one) { return !record->found.contains(one.hook); })) {
    log_info(detach_port(port.name, std::nullopt, record->found));
  }
  remove_up_record(port);
  const std::string stays = places_of(port);
  log_info(port.name + ": is down" + (stays.empty() ? "" : "; what was there before 'up' stays: " + stays));
  return kExitSuccess;
}

}  // namespace

void add_up_commands(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<UpOptions>();
  CLI::App* command = app.add_subcommand("up", "both analyses and the firewall on a port, as a service");
  command->add_option("PORT", options->interface, "port")->required();
  auto* online =
      command->add_flag("--online", options->online, "the port's own traffic or what it forwards: --direction both");
  command->add_option("--direction", options->direction, "ingress (of a mirror), or both (default: as configured)")
      ->check(one_of({"ingress", "both"}))
      ->excludes(online);
  command->add_option("--config", options->config,
                      std::string("in the background: file or directory (default: ") + NICSENTRY_CONFIG_DIR + ")");
  command->add_option("--state", options->state,
                      "in the background: directory of rules and sets (default: /var/lib/nicsentry/PORT)");
  command->add_option("--log-file", options->log_file,
                      "in the background: file of messages (default: /var/log/nicsentry/PORT.log)");
  command->footer(
      "Examples:\n"
      "  nicsentry up eth0\n"
      "  nicsentry up eth0 --online\n"
      "Where systemd is process 1 it starts the service nicsentry@PORT, else a run in the background.");
  command->callback([options, &chosen] { chosen = [options] { return up(*options); }; });
  CLI::App* off = app.add_subcommand("down", "end what up has started, and leave the port as it was before");
  off->add_option("PORT", options->interface, "port")->required();
  off->footer("Example:\n  nicsentry down eth0");
  off->callback([options, &chosen] { chosen = [options] { return down(*options); }; });
}

}  // namespace nicsentry
