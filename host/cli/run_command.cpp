// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "host/app/live.h"
#include "host/base/error.h"
#include "host/cli/commands.h"
#include "host/cli/duration.h"
#include "host/cli/log.h"
#include "host/cli/port_options.h"
#include "host/cli/window_output.h"

namespace nicsentry {
namespace {

constexpr std::chrono::milliseconds kShortestLiveWindow{10};

struct RunOptions {
  std::vector<std::string> interfaces;
  std::string mode = "auto";
  std::string direction = "ingress";
  std::uint64_t windows = 0;
  std::optional<std::uint32_t> sessions;
  bool firewall = false;
  std::optional<std::filesystem::path> rules;
  std::optional<std::filesystem::path> egress_rules;
  std::optional<std::filesystem::path> state;
  std::optional<std::filesystem::path> log;
  WindowOptions window;
};

// Records of packets that rules send to the log.
class PacketLog {
 public:
  explicit PacketLog(const std::optional<std::filesystem::path>& path) {
    if (path) {
      file_ = std::make_unique<std::ofstream>(*path, std::ios::app);
      if (!*file_) {
        throw SystemError(errno, "writing " + path->string());
      }
    }
  }

  void write(const std::string& record) {
    if (file_ == nullptr) {
      log_packet(record);
      return;
    }
    *file_ << record << std::endl;  // flushed: somebody may be reading along
    if (!*file_ && !std::exchange(failed_, true)) {
      log_error("the log of packets cannot be written");
    }
  }

 private:
  std::unique_ptr<std::ofstream> file_;
  bool failed_ = false;
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
  parsed.window = parse_duration(options.window.window, kShortestLiveWindow);
  parsed.windows = options.windows;
  parsed.cap = options.window.cap;
  parsed.firewall = options.firewall;
  parsed.rules = options.rules;
  parsed.egress_rules = options.egress_rules;
  parsed.state = options.state;
  return parsed;
}

int run(const RunOptions& options) {
  set_up_log(options.window.quiet);
  const LiveOptions live = parse(options);
  WindowOutput output(options.window, parse_formats(options.window));
  PacketLog packets(options.log);
  block_signals();
  LiveOutput told;
  told.prepare = [&output](Profile profile) { output.open(profile); };
  told.info = log_info;
  told.warning = log_warning;
  told.error = log_error;
  told.log = [&packets](const std::string& record) { packets.write(record); };
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
  command->add_flag("--firewall", options->firewall, "load the firewall, without rules to begin with");
  command->add_option("--rules", options->rules, "batch of rules for what comes in; loads the firewall");
  command->add_option("--egress-rules", options->egress_rules, "batch of rules for what goes out (--direction both)");
  command->add_option("--state", options->state, "directory in which rules and address sets survive a restart");
  command->add_option("--log", options->log, "file for the records of packets that rules log (default: stderr)");
  add_window_options(*command, options->window, kShortestLiveWindow);
  command->footer(
      "Examples:\n"
      "  nicsentry run -i eth0\n"
      "  nicsentry run -i eth0 --direction both --rules rules.json --state /var/lib/nicsentry\n"
      "  nicsentry run -i eth0 --direction both --window 1s --windows 5 --format seed-json,jsonl -o /tmp/out");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace nicsentry
