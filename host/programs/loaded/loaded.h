// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/datapath/mode.h"
#include "host/programs/monitor/monitor.h"
#include "host/programs/verify/verify.h"

namespace nicsentry::programs {

struct LoadRequest {
  std::string interface;
  std::string name;          // letters, digits, - and _
  std::string file;          // for `show`
  std::optional<Mode> mode;  // of ingress: nothing: by the program, native XDP before generic, never the card
  Direction direction = Direction::both;
  // Nothing: on TC behind all users' programs that are there, behind libxdp's dispatcher what the program itself says.
  std::optional<std::uint32_t> priority;
  std::optional<std::uint32_t> egress_priority;  // of the egress path, where it is to be another one
  int log_level = 6;
  std::string with;  // CardTarget::with, for mode hw only
};

// One program of a loaded monitor.
struct LoadedPath {
  bool egress = false;
  std::string title;
  Mode mode = Mode::tc;
  std::uint32_t program_id = 0;
  bool attached = false;
  std::uint32_t priority = 0;  // on TC, and behind libxdp's dispatcher; 0: alone on XDP
  std::vector<UserMap> maps;
  std::vector<MetricConfig> metrics;
  std::string with;                           // CardTarget::with
  std::optional<std::uint32_t> instructions;  // on a card: the NFP's, as its driver has translated them

  Hook hook() const { return mode != Mode::tc ? Hook::xdp : egress ? Hook::tc_egress : Hook::tc_ingress; }
};

struct LoadedMonitor {
  std::string name;
  unsigned number = 0;  // of the load (UserPins)
  std::string interface;
  unsigned long network_namespace = 0;
  bool here = true;  // in this network namespace, and its interface is there; else nothing is known of its hooks
  std::string file;
  std::string maps;  // the directory in which they are pinned
  std::vector<LoadedPath> paths;

  bool attached() const;  // all of it
};

// Throws BadRequest for a name that no program can have.
void check_program_name(const std::string& name);

struct LoadResult {
  LoadedMonitor monitor;
  bool replaced = false;
  std::string warnings;   // of the compiler
  std::string why_alone;  // on XDP, where libxdp's dispatcher could not be used
};

// Compiles, verifies, pins and attaches a monitor. One of the same name on the same interface is replaced: each packet
// is seen by the old program or the new one. Where anything fails the old one stays.
LoadResult load_monitor(const Monitor& monitor, const LoadRequest& request);

// The card of the request's port, where the request is for it, or where the program is there that it replaces. Throws
// BadRequest for a `with` that cannot be, Conflict where the former program is of another kind, and Error where the
// port has no card that takes programs.
std::optional<CardTarget> card_target(const LoadRequest& request);

// Its first and its last step, which may be those of two processes. `former` is the mode of the ingress program that
// the request replaces: the new one is compiled for its hook, unless the request says otherwise.
std::vector<CompiledPath> compile_for(const Monitor& monitor, const LoadRequest& request, std::optional<Mode> former);
LoadResult load_verified(const std::vector<VerifiedPath>& paths, const LoadRequest& request);

// Throws Conflict for a function that is part of the program of a run, process `pid`, on its port.
void refuse_under_run(const LoadedMonitor& monitor, int pid);

// The mode of the ingress program on its hook; nothing where none is there.
std::optional<Mode> ingress_mode(const LoadedMonitor& monitor);

std::vector<LoadedMonitor> list_monitors();
// Nothing while another process has them.
std::optional<std::vector<LoadedMonitor>> list_monitors_at_once();
LoadedMonitor find_monitor(const std::string& name);  // throws NotFound
void unload_monitor(const std::string& name);         // throws NotFound, Conflict

}  // namespace nicsentry::programs
