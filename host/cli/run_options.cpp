// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/run_options.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>

#include "host/cli/duration.h"
#include "host/cli/listen_address.h"
#include "host/cli/option_checks.h"
#include "host/cli/port_options.h"
#include "host/cli/timeouts_option.h"

namespace nicsentry {
namespace {

constexpr std::chrono::milliseconds kShortestLiveWindow{10};

constexpr std::array kInFlight{"rules", "egress-rules", "yes", "log-rate", "quiet"};

std::vector<const CLI::Option*> add_retention_options(CLI::App& command, RetentionOptions& options) {
  return {
      command
          .add_option("--rotate", options.rotate,
                      "begin growing files anew at this age or size: 1h, 100MB, or 1h,100MB")
          ->delimiter(',')
          ->check(understood_by(check_limit)),
      command
          .add_option("--keep", options.keep,
                      "remove the oldest files beyond this age, or so that all have this size at most: 7d, 10GB")
          ->delimiter(',')
          ->check(understood_by(check_limit)),
      command.add_option("--compress", options.compress, "compress rotated files")->check(one_of({"gzip", "zstd"}))};
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

void check_listening(const RunOptions& options) {
  try {
    check_listen_options(listen_options(options));
  } catch (const BadRequest& error) {
    throw CLI::ValidationError(error.what());
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

void add_run_options(CLI::App& command, RunOptions& options) {
  command.add_option("-i,--interface", options.interfaces, "port to watch (repeatable; several make one analysis)")
      ->allow_extra_args(false);
  command.add_option("--config", options.config,
                     "file of options; of a directory nicsentry.conf, and PORT.conf for a run of one port");
  add_mode_option(command, options.mode);
  add_direction_option(command, options.direction);
  add_dispatcher_option(command, options.dispatcher);
  command.add_flag("--vlan", options.vlan, "packets of different VLANs are of different sessions; rows show the VLAN");
  command.add_option("--windows", options.windows, "end after so many windows; 0: at SIGINT or SIGTERM")
      ->check(whole_number(0))
      ->capture_default_str();
  command.add_option("--sessions", options.sessions, "sessions that each port's maps hold (default 65536)")
      ->check(whole_number(1, UINT32_MAX));
  command.add_flag("--firewall", options.firewall, "load the firewall, without rules to begin with");
  command.add_option("--rules", options.rules, "ruleset or batch of rules for what comes in; loads the firewall");
  command.add_option("--egress-rules", options.egress_rules, "the same for what goes out (--direction both)");
  command.add_flag("--yes", options.yes, "apply --rules also if they cut off your connection, the gateway, ...");
  command.add_option("--state", options.state, "directory in which rules and address sets survive a restart");
  command.add_flag("--count-hits", options.count_hits,
                   "count the packets of each entry of address sets: sets list NAME --stats (not on a card)");
  command.add_flag("--cut-frames", options.cut_frames,
                   "count frames that a mirror cut by their IP length (default: as truncated)");
  command.add_flag(
      "--dedup", options.dedup,
      "count a packet that the host forwards between its ports once (with --direction both; not on a card)");
  command.add_flag("--leave-attached", options.leave_attached,
                   "leave the programs on their ports at the end, with the rules that they enforce");
  command.add_option("--log", options.log, "file for the records of packets that rules log (default: stderr)");
  command.add_option("--log-rate", options.log_rate, "records a second at most, the rest is counted; 0: all")
      ->check(whole_number(0, 1'000'000'000))
      ->capture_default_str();
  add_log_format_option(command, options.log_format);
  command
      .add_option("--timeouts", options.timeouts,
                  "how long connection states live without a packet: tcp_established=5d,udp=30s,...")
      ->delimiter(',')
      ->check(understood_by([](const std::string& word) { parse_timeouts({word}); }));
  command
      .add_option("--tcp-loose", options.tcp_loose,
                  "on: an ACK of a TCP connection that is older than the run is NEW; off: it is INVALID")
      ->check(one_of({"on", "off"}))
      ->capture_default_str();
  add_listen_options(command, options);
  add_window_options(command, options.window, kShortestLiveWindow);
  for (const CLI::Option* option : add_retention_options(command, options.retention)) {
    options.window.file_options.push_back(option);
  }
}

bool changes_in_flight(std::string_view option) {
  return std::find(kInFlight.begin(), kInFlight.end(), option) != kInFlight.end();
}

void check_run_options(const RunOptions& options) {
  if (options.interfaces.empty()) {
    throw CLI::RequiredError("--interface");
  }
  std::set<std::string> seen;
  for (const std::string& interface : options.interfaces) {
    if (!seen.insert(interface).second) {
      throw CLI::ValidationError("--interface", interface + " is given twice");
    }
  }
  check_window_options(options.window);
  check_wanted_parts(options);
  check_listening(options);
}

DaemonOptions daemon_options(const RunOptions& options) {
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

ReportOutputOptions run_output(const RunOptions& options) {
  ReportOutputOptions output = output_options(options.window);
  output.place.retention = parse_retention(options.retention);
  return output;
}

}  // namespace nicsentry
