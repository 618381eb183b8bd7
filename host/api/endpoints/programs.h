// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "host/api/server/router.h"

namespace nicsentry {

// The parts of a run that the endpoints of users' programs need. Any thread may call.
struct RunPrograms {
  std::function<std::vector<std::string>()> ports;       // the names of its ports
  std::function<void(const std::string& what)> changed;  // after a program was loaded or unloaded: "loaded x on eth0"
};

// /programs: the programs of a user's own on the run's ports: the list, one of them, one to load, one to unload, and
// what its maps hold. All of them take the slow lane: the kernel verifies for seconds, and other processes may have the
// programs.
void add_programs_routes(Router& router, const RunPrograms& run);

}  // namespace nicsentry
