// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "host/app/daemon.h"
#include "host/cli/commands.h"
#include "host/cli/duration.h"
#include "host/cli/listen_address.h"
#include "host/cli/log.h"
#include "host/cli/option_checks.h"
#include "host/cli/port_options.h"
#include "host/cli/service_signals.h"
#include "host/cli/timeouts_option.h"
#include "host/cli/window_options.h"

namespace nicsentry {
namespace {

constexpr std::chrono::milliseconds kShortestLiveWindow{10};

struct RunOptions {
  std::vector<std::string> interfaces;
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
};

ListenOptions listen_options(const RunOptions& options) {
  ListenOptions listen;
  for (const std::string& address : options.listen) {
    listen.addresses.push_back(parse_listen_address(address));
  }
  listen.token_file = options.token_file;
  listen.open_read = options.open_read;
  listen.hosts = options.hosts;
  listen.tls_certificate = options.tls_certificate;
  listen.tls_key = options.tls_key;
  listen.insecure = options.insecure;
  return listen;
}

DaemonOptions parse(const RunOptions& options) {
  DaemonOptions parsed;
  parsed.interfaces = options.interfaces;
  parsed.port.mode = chosen_mode(options.mode);
  parsed.port.both_directions = options.direction == "both";
  parsed.port.dispatcher = options.dispatcher;
  parsed.port.vlans = options.vlan ? Vlans::part_of_sessions : Vlans::ignored;
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
  parsed.log = options.log;
  parsed.log_rate = options.log_rate;
  parsed.tcp_pickup = options.tcp_loose == "on" ? TcpPickup::loose : TcpPickup::strict;
  parsed.lifetimes = parse_timeouts(options.timeouts);
  parsed.port.count_hits = options.count_hits;
  parsed.cut_frames = options.cut_frames;
  parsed.dedup = options.dedup;
  parsed.leave_attached = options.leave_attached;
  parsed.yes = options.yes;
  parsed.listen = listen_options(options);
  return parsed;
}

int run(const RunOptions& options) {
  set_up_log(options.window.quiet);
  warn_of_vain_options(options.window);
  const DaemonOptions daemon = parse(options);
  const ReportOutputOptions output = output_options(options.window);
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

void add_listen_options(CLI::App& command, RunOptions& options) {
  command.add_option("--listen", options.listen, "ADDRESS:PORT at which the API and /metrics answer; may be repeated")
      ->allow_extra_args(false)
      ->check(understood_by(parse_listen_address));
  command.add_option("--token-file", options.token_file,
                     "file of bearer tokens, a line each: read|admin TOKEN [NAME]; only its owner may read it");
  command.add_flag("--open-read", options.open_read, "clients on the loopback interface read without a token");
  command.add_option("--host", options.hosts, "name of this host that requests to --listen may use; may be repeated")
      ->allow_extra_args(false);
  command.add_option("--tls-cert", options.tls_certificate,
                     "certificate (PEM) of --listen; read again when it changes");
  command.add_option("--tls-key", options.tls_key, "its private key (PEM)");
  command.add_flag("--insecure", options.insecure, "listen beyond the loopback interface without TLS");
}

void check_listening(const RunOptions& options) {
  try {
    check_listen_options(listen_options(options));
  } catch (const BadRequest& error) {
    throw CLI::ValidationError(error.what());
  }
}

void check_each_once(const std::vector<std::string>& interfaces) {
  std::set<std::string> seen;
  for (const std::string& interface : interfaces) {
    if (!seen.insert(interface).second) {
      throw CLI::ValidationError("--interface", interface + " is given twice");
    }
  }
}

void check_wanted_parts(const RunOptions& options) {
  const bool firewall = options.firewall || options.rules || options.egress_rules || options.state;
  if (options.count_hits && !firewall) {
    throw CLI::ValidationError("--count-hits", "it needs the firewall: --firewall, --rules or --state");
  }
  if (options.dedup && options.direction != "both") {
    throw CLI::ValidationError("--dedup",
                               "it needs --direction both: what leaves is held against what came in; of what comes in "
                               "alone nothing counts twice");
  }
}

}  // namespace

void add_run_command(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "watch ports, window after window");
  command->add_option("-i,--interface", options->interfaces, "port to watch (repeatable; several make one analysis)")
      ->required()
      ->allow_extra_args(false);
  add_mode_option(*command, options->mode);
  add_direction_option(*command, options->direction);
  add_dispatcher_option(*command, options->dispatcher);
  command->add_option("--windows", options->windows, "end after so many windows; 0: at SIGINT or SIGTERM")
      ->check(whole_number(0))
      ->capture_default_str();
  command->add_option("--sessions", options->sessions, "sessions that each port's maps hold (default 65536)")
      ->check(whole_number(1, UINT32_MAX));
  command->add_flag("--vlan", options->vlan,
                    "packets of different VLANs are of different sessions; rows show the VLAN");
  command->add_flag("--firewall", options->firewall, "load the firewall, without rules to begin with");
  command->add_option("--rules", options->rules, "ruleset or batch of rules for what comes in; loads the firewall");
  command->add_option("--egress-rules", options->egress_rules, "the same for what goes out (--direction both)");
  command->add_flag("--yes", options->yes, "apply --rules also if they cut off your connection, the gateway, ...");
  command->add_option("--state", options->state, "directory in which rules and address sets survive a restart");
  command->add_flag("--count-hits", options->count_hits,
                    "count the packets of each entry of address sets: sets list NAME --stats (not on a card)");
  command->add_flag("--cut-frames", options->cut_frames,
                    "count frames that a mirror cut by their IP length (default: as truncated)");
  command->add_flag(
      "--dedup", options->dedup,
      "count a packet that the host forwards between its ports once (with --direction both; not on a card)");
  command->add_flag("--leave-attached", options->leave_attached,
                    "leave the programs on their ports at the end, with the rules that they enforce");
  command->add_option("--log", options->log, "file for the records of packets that rules log (default: stderr)");
  command->add_option("--log-rate", options->log_rate, "records a second at most, the rest is counted; 0: all")
      ->check(whole_number(0, 1'000'000'000))
      ->capture_default_str();
  command
      ->add_option("--timeouts", options->timeouts,
                   "how long connection states live without a packet: tcp_established=5d,udp=30s,...")
      ->delimiter(',')
      ->check(understood_by([](const std::string& word) { parse_timeouts({word}); }));
  command
      ->add_option("--tcp-loose", options->tcp_loose,
                   "on: an ACK of a TCP connection that is older than the run is NEW; off: it is INVALID")
      ->check(one_of({"on", "off"}))
      ->capture_default_str();
  add_listen_options(*command, *options);
  add_window_options(*command, options->window, kShortestLiveWindow);
  command->footer(
      "Examples:\n"
      "  nicsentry run -i eth0\n"
      "  nicsentry run -i eth0 --direction both --rules rules.json --state /var/lib/nicsentry\n"
      "  nicsentry run -i eth0 --direction both --window 1s --windows 5 --format seed-json,jsonl -o /tmp/out");
  command->callback([options, &chosen] {
    check_each_once(options->interfaces);
    check_window_options(options->window);
    check_wanted_parts(*options);
    check_listening(*options);
    chosen = [options] { return run(*options); };
  });
}

}  // namespace nicsentry
