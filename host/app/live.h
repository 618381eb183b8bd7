// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/ports/port.h"
#include "host/report/profile.h"
#include "host/run/window_sink.h"

namespace nicsentry {

struct LiveOptions {
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

  bool wants_firewall() const { return firewall || rules || egress_rules || state; }
};

// What a run tells while it goes on. Calls come from the run's own thread, those of `write` from the sink's.
struct LiveOutput {
  std::function<void(Profile)> prepare;  // before the first packet counts; may throw Error
  std::function<void(const std::string&)> info;
  std::function<void(const std::string&)> warning;
  std::function<void(const std::string&)> error;
  std::function<void(const std::string&)> log;  // a packet's record, as one line of JSON
  WindowSink::Write write;
};

// Watches ports until SIGINT, SIGTERM, the given number of windows, or until none is left, and leaves them as they were
// found. The caller must have blocked the two signals in every thread. False when something failed on the way (a port
// that vanished, a window that could not be written); throws Error when it could not start.
bool run_live(const LiveOptions& options, const LiveOutput& output);

}  // namespace nicsentry
