// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/datapath/interface.h"
#include "host/datapath/mode.h"

namespace nicsentry {

// The record of a port that `up` has brought up: a file in the runtime directory, of this network namespace.
struct UpRecord {
  int pid = 0;             // of the run in the background; 0: a service manager has it
  std::string unit;        // of the service manager; empty: none has it
  std::string direction;   // that `up` was asked for; empty: as configured
  std::string log;         // of a run in the background
  std::set<Hook> found{};  // hooks that had a program of nicsentry's before
};
std::optional<UpRecord> read_up_record(const Interface& port);        // throws Error
void write_up_record(const Interface& port, const UpRecord& record);  // throws Error
void remove_up_record(const Interface& port);                         // throws Error

// The process that has the port; 0: none.
int process_of_port(const Interface& port);

// Starts this program with these words in the background: with a session of its own, nothing to read, standard output
// nowhere, messages at the end of the log. It begins once `record` has been called with its process, and never if this
// process dies before. Returns when it answers for the port. Throws Error with what it said if it ends before.
void start_in_background(const Interface& port, const std::vector<std::string>& words, const std::filesystem::path& log,
                         const std::function<void(int pid)>& record);

// Ends a run that has the port, as SIGTERM does, and waits for it. Throws Error.
void end_background_run(const Interface& port, int pid);

}  // namespace nicsentry
