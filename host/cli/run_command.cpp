// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "host/app/daemon.h"
#include "host/base/error.h"
#include "host/cli/commands.h"
#include "host/cli/log.h"
#include "host/cli/run_configuration.h"
#include "host/cli/run_options.h"
#include "host/cli/service_signals.h"

namespace nicsentry {
namespace {

constexpr const char* kFormerOptions = "NICSENTRY_OPTIONS";  // that a unit's former file of options sets

// Such a file is in place of the configuration that the unit names otherwise.
void warn_of_former_file(const GivenOptions& given) {
  const char* options = std::getenv(kFormerOptions);
  if (options != nullptr && !given.contains("config")) {
    log_warning(std::string(kFormerOptions) + " of the unit's .env file is in place of the configuration " +
                NICSENTRY_CONFIG_DIR + ": move its options to nicsentry.conf or PORT.conf there, and remove the file");
  }
}

DaemonOptions with_reload(const RunReading& reading, const GivenOptions& given) {
  DaemonOptions daemon = daemon_options(*reading.options);
  daemon.settings = reading.settings;
  daemon.reread = [given] {
    const RunReading again = checked_run_options(given);
    set_log_level(again.options->window.quiet);
    DaemonOptions fresh = daemon_options(*again.options);
    fresh.settings = again.settings;
    return fresh;
  };
  return daemon;
}

int run(const RunReading& reading, const GivenOptions& given) {
  const WindowOptions& window = reading.options->window;
  set_up_log({window.quiet, parse_log_format(reading.options->log_format), reading.options->interfaces});
  warn_of_vain_options(window);
  warn_of_former_file(given);
  const DaemonOptions daemon = with_reload(reading, given);
  const ReportOutputOptions output = run_output(*reading.options);
  block_service_signals();
  DaemonResult result;
  {
    const LogQueue queue;
    result = run_daemon(daemon, output, log_messages(), log_packet);
  }
  const int status = result.lost_program ? kExitNotEnforced : result.failed ? kExitFailure : kExitSuccess;
  if (result.abandoned) {
    std::_Exit(status);  // a thread stands in a write: destructors could wait for it
  }
  return status;
}

// Mistakes of files are errors of usage, as those of the command line are.
RunReading read_or_refuse(const GivenOptions& given) {
  try {
    return checked_run_options(given);
  } catch (const Error& error) {
    throw CLI::ValidationError(error.what());
  }
}

}  // namespace

void add_run_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "watch ports, window after window");
  add_run_options(*command, *options);
  command->footer(
      "Examples:\n"
      "  nicsentry run -i eth0\n"
      "  nicsentry run -i eth0 --direction both --rules rules.json --state /var/lib/nicsentry\n"
      "  nicsentry run -i eth0 --direction both --window 1s --windows 5 --format seed-json,jsonl -o /tmp/out");
  command->callback([options, command, &chosen] {
    const GivenOptions given = given_on(*command);
    chosen = [reading = read_or_refuse(given), given] { return run(reading, given); };
  });
}

}  // namespace nicsentry
