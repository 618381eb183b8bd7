// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

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

// One path of a monitor in the kernel, attached to nothing.
struct VerifiedPath {
  bool egress = false;
  std::string name;
  ProgramKind kind = ProgramKind::tc;
  std::string dialect;  // "libbpf", "polycube", "object"
  std::string warnings;
  std::vector<MetricConfig> metrics;
  SourceText source;  // no text: a compiled program
  UserObject object;
  // With maps that are swapped on a read: the same program over a second set of these maps.
  std::optional<UserObject> other = std::nullopt;
  std::vector<std::string> swapped = {};
};

// Compiles the paths, joins the maps that they share, and has the kernel verify them. Egress is TC's always. Throws
// Error with the user's own line numbers.
std::vector<VerifiedPath> verify(const Monitor& monitor, const VerifyOptions& options);

}  // namespace nicsentry::programs
