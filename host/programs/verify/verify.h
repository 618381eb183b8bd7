// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/datapath/interface.h"
#include "host/datapath/user_object.h"
#include "host/programs/dialect/dialect.h"
#include "host/programs/monitor/monitor.h"

namespace nicsentry::programs {

enum class Direction { ingress, egress, both };

struct VerifyOptions {
  std::optional<ProgramKind> ingress;  // nothing: TC for Polycube's dialect, else what the program has, XDP first
  Direction direction = Direction::both;
  int log_level = 6;  // DialectTarget
};

// One path of a monitor as a compiled program.
struct CompiledPath {
  bool egress = false;
  std::string name;
  ProgramKind kind = ProgramKind::tc;
  std::string dialect;  // "libbpf", "polycube", "object"
  std::string warnings;
  std::vector<MetricConfig> metrics;
  SourceText source;   // its name is what messages call the path; no text: it was compiled before
  std::string object;  // bytes
};

// One path of a monitor in the kernel, attached to nothing.
struct VerifiedPath {
  bool egress = false;
  std::string name;
  ProgramKind kind = ProgramKind::tc;
  std::string dialect;
  std::string warnings;
  std::vector<MetricConfig> metrics;
  SourceText source;
  UserObject object;
  // With maps that are swapped on a read: the same program over a second set of these maps.
  std::optional<UserObject> other = std::nullopt;
  std::vector<std::string> swapped = {};
  std::string with = {};  // CardTarget::with
};

// The card for which the ingress path is.
struct CardTarget {
  Interface port;
  std::string with;  // the program of nicsentry's that calls the path's on_packet(); empty: the path's program is alone
};

// Compiles the paths, ingress first. Egress is TC's always. Asks the kernel for nothing but the compiler's confinement.
// Throws Error with the user's own line numbers.
std::vector<CompiledPath> compile_paths(const Monitor& monitor, const VerifyOptions& options);

// Joins the maps that the paths share, and has the kernel verify them, and for a card the lint and its driver. Throws
// Error with the user's own line numbers.
std::vector<VerifiedPath> verify(std::vector<CompiledPath> paths, const std::optional<CardTarget>& card = std::nullopt);

// Both, for the host.
std::vector<VerifiedPath> verify(const Monitor& monitor, const VerifyOptions& options);

}  // namespace nicsentry::programs
