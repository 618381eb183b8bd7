// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/config/configuration.h"
#include "host/packet/session_key.h"
#include "host/packet/tcp_flags.h"
#include "host/ports/port.h"
#include "host/sessions/lifetimes.h"

namespace nicsentry {

// The TCP addresses at which a run answers its API, beside its Unix socket, and who may ask there.
struct ListenOptions {
  std::vector<Endpoint> addresses;
  std::optional<std::filesystem::path> token_file;
  bool open_read = false;          // clients on the loopback interface read without a token
  std::vector<std::string> hosts;  // names of this host that a header Host may have
  std::optional<std::filesystem::path> tls_certificate;
  std::optional<std::filesystem::path> tls_key;
  bool insecure = false;  // an address beyond the loopback interface without TLS
};
// Throws BadRequest where the options do not fit together.
void check_listen_options(const ListenOptions& options);

// The options of a run, apart from those of its windows (ReportOutputOptions).
struct DaemonOptions {
  std::vector<std::string> interfaces;
  PortOptions port;
  std::chrono::nanoseconds window{};
  std::uint64_t windows = 0;  // 0: until a signal
  std::uint64_t cap = 100;

  // The firewall: wanted when any of these is given. A file of rules is a batch on an empty chain in place of what the
  // state directory has; `rules` may also hold {"ingress": batch, "egress": batch}.
  bool firewall = false;
  std::optional<std::filesystem::path> rules;
  std::optional<std::filesystem::path> egress_rules;
  std::optional<std::filesystem::path> state;

  Lifetimes lifetimes;                      // of connection states
  TcpPickup tcp_pickup = TcpPickup::loose;  // of connections that are older than the run

  std::optional<std::filesystem::path> log;  // file for the records of packets that rules log; none: a message each
  std::uint64_t log_rate = 1000;             // records a second at most; 0: all

  bool cut_frames = false;  // frames that a mirror cut count by their IP length
  bool dedup = false;       // what is forwarded counts where it comes in

  bool yes = false;  // rules of files are applied also if they cut off what the host depends on

  ListenOptions listen;

  bool leave_attached = false;  // at its end the run leaves its programs where they are, with what they enforce

  std::vector<config::Setting> settings;  // where each option comes from, for `status`
  // Reads the options again, for a reload; it throws Error where one is wrong. None: they do not change.
  std::function<DaemonOptions()> reread;

  bool wants_firewall() const { return firewall || rules || egress_rules || state; }
};

}  // namespace nicsentry
