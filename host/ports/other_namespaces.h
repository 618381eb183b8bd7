// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/datapath/interface.h"

namespace nicsentry {

// A run with this runtime directory that watches ports of another network namespace than this process's.
struct RunElsewhere {
  int pid = 0;
  std::vector<std::string> ports;  // by the names that they had when the run claimed them
};

// By pid. Leaves out whose process cannot be looked at. Throws Error.
std::vector<RunElsewhere> runs_elsewhere();

// How to ask those that watch a port of this name, or any where none does, in a sentence; empty where there are none,
// and where that cannot be told: it goes with an error that matters more.
std::string hint_at_runs_elsewhere(const std::string& port);

// As find_interface(); where there is no such interface, the error has the hint.
Interface find_port(const std::string& name);

}  // namespace nicsentry
