// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>

#include <memory>

#include "host/cli/commands.h"
#include "host/cli/duration.h"
#include "host/cli/log.h"
#include "host/cli/port_options.h"
#include "host/cli/window_output.h"
#include "host/controller/live.h"

namespace nicsentry {
namespace {

constexpr std::chrono::milliseconds kShortestWindow{10};

struct RunOptions {
  std::vector<std::string> interfaces;
  std::string mode = "auto";
  std::string direction = "ingress";
  std::uint64_t windows = 0;
  std::optional<std::uint32_t> sessions;
  WindowOptions window;
};

// The loop waits for them; threads inherit the mask.
void block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

LiveOptions parse(const RunOptions& options) {
  LiveOptions parsed;
  parsed.interfaces = options.interfaces;
  parsed.port.mode = chosen_mode(options.mode);
  parsed.port.both_directions = options.direction == "both";
  if (!options.window.profile.empty()) {
    parsed.port.profile = parse_profile(options.window.profile);
  }
  parsed.port.sessions = options.sessions;
  parsed.window = parse_duration(options.window.window, kShortestWindow);
  parsed.windows = options.windows;
  parsed.cap = options.window.cap;
  return parsed;
}

int run(const RunOptions& options) {
  set_up_log(options.window.quiet);
  const LiveOptions live = parse(options);
  WindowOutput output(options.window, parse_formats(options.window));
  block_signals();
  LiveOutput told;
  told.prepare = [&output](Profile profile) { output.open(profile); };
  told.info = log_info;
  told.warning = log_warning;
  told.error = log_error;
  told.write = [&output](const WindowReport& report) { return output.write(report); };
  return run_live(live, told) ? kExitSuccess : kExitFailure;
}

}  // namespace

void add_run_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "watch ports, window after window");
  command->add_option("-i,--interface", options->interfaces, "port to watch; several make one analysis")->required();
  add_mode_option(*command, options->mode);
  add_direction_option(*command, options->direction);
  command->add_option("--windows", options->windows, "end after so many windows; 0: at SIGINT or SIGTERM")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--sessions", options->sessions, "sessions that each port's maps hold (default 65536)")
      ->check(CLI::PositiveNumber);
  add_window_options(*command, options->window, kShortestWindow);
  command->footer(
      "Examples:\n"
      "  nicsentry run -i eth0\n"
      "  nicsentry run -i eth0 --direction both --window 1s --windows 5 --format seed-json,jsonl -o /tmp/out");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace nicsentry
