// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/programs/compiler/confined_child.h"

namespace nicsentry::programs {

// The child's needs between fork() and execve(). They are prepared before, as only system calls are safe then.
struct Confinement {
  struct Mount {
    std::string from;
    std::string to;
  };
  struct Link {
    std::string target;
    std::string name;
  };

  std::vector<std::string> directories;  // to be made, parents first
  std::vector<Mount> mounts;             // read-only
  std::vector<Link> links;
  std::string user_map;  // for a user namespace
  std::string group_map;
};

Confinement prepare_confinement(const ConfinedCommand& command);

// The step that failed, with its errno.
struct ConfinementFailure {
  int code = 0;  // 0: none
  char step[60] = {};
};

// Confines the calling process, which has one thread. Only system calls.
ConfinementFailure confine(const Confinement& confinement, const ChildLimits& limits);

}  // namespace nicsentry::programs
