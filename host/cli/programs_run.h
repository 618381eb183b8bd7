// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/api/json/program_query.h"
#include "host/programs/loaded/loaded.h"
#include "host/programs/monitor/monitor.h"

namespace nicsentry {

// Users' programs, through the run that drives their port, where there is one that answers and knows of them; by this
// process elsewhere. Both ways keep the same state, so that they can be mixed. Errors are those of host/programs.

programs::LoadResult load_program(const programs::Monitor& monitor, const programs::LoadRequest& request);
// Sorted by name. What cannot be listed is told of on standard error, where a run lists others.
std::vector<programs::LoadedMonitor> list_programs();
programs::LoadedMonitor find_program(const std::string& name);
void unload_program(const std::string& name);
// In the query's format; JSON ends with a line end.
std::string read_program(const std::string& name, const ProgramQuery& query);

}  // namespace nicsentry
