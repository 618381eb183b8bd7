// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/ports/port_status.h"
#include "host/programs/loaded/loaded.h"
#include "host/report/window_report.h"

namespace nicsentry {

// A user's program that is on a port's hook (`programs load`).
struct UserProgramStatus {
  std::string loaded_as;
  std::string interface;
  programs::LoadedPath path;
  std::string place;  // "behind" a program of nicsentry's or "in front" of it; empty where none is in its way
};

// The loaded programs of this network namespace; none where nothing was ever loaded.
std::vector<programs::LoadedMonitor> loaded_monitors_here();

// Adds those that a run reports and that this process could not find.
void add_reported_programs(std::vector<programs::LoadedMonitor>& monitors, const std::vector<UserProgram>& reported);

// Those that are on a port. `attachments` are what port_status() says of it.
std::vector<UserProgramStatus> user_programs_on(const Interface& port,
                                                const std::vector<programs::LoadedMonitor>& monitors,
                                                const std::vector<AttachmentStatus>& attachments);

std::string user_program_line(const UserProgramStatus& status);
nlohmann::ordered_json user_program_json(const UserProgramStatus& status);

}  // namespace nicsentry
