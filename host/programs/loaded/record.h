// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/datapath/mode.h"
#include "host/datapath/user_hooks.h"
#include "host/datapath/user_object.h"
#include "host/programs/monitor/monitor.h"

namespace nicsentry::programs {

// The record that a load pins beside its programs, so that a later process knows what they are.
struct PathRecord {
  bool egress = false;
  std::string title;
  Mode mode = Mode::tc;
  std::uint32_t priority = 0;
  std::vector<UserMap> maps;
  std::vector<MetricConfig> metrics;
  std::string with;  // CardTarget::with

  UserHook hook() const { return {mode != Mode::tc ? Hook::xdp : egress ? Hook::tc_egress : Hook::tc_ingress, mode}; }
  // The names of the program's pins, and of its second copy's where maps are swapped.
  const char* pin() const { return egress ? "egress" : "ingress"; }
  std::string other_pin() const { return std::string(pin()) + "-other"; }
};

// The metrics of the monitor's file; without them one for each map that can be read, by the map's name.
std::vector<MetricConfig> metrics_of(const PathRecord& path);

struct LoadRecord {
  std::string interface;
  int interface_index = 0;
  unsigned long network_namespace = 0;
  std::string file;
  bool made_tc_hooks = false;  // for it, or for one that was there before it
  std::vector<PathRecord> paths;
};

std::string write_record(const LoadRecord& record);
// Nothing for a text that is none: the load was interrupted.
std::optional<LoadRecord> read_load_record(const std::string& text);

}  // namespace nicsentry::programs
