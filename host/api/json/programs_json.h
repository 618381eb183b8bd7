// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/api/json/fields.h"
#include "host/programs/loaded/loaded.h"

namespace nicsentry {

// A program of a user's own, as the run reports it and `programs show --json` prints it. What is read has no types of
// maps, and no metadata of metrics.
nlohmann::ordered_json encode(const programs::LoadedMonitor& monitor);
template <>
programs::LoadedMonitor decode(const nlohmann::json& answer);
nlohmann::ordered_json encode(const std::vector<UserMap>& maps);
const char* program_path_name(bool egress);  // "ingress", "egress"

struct ProgramsAnswer {
  std::vector<programs::LoadedMonitor> programs;
};
nlohmann::ordered_json encode(const ProgramsAnswer& answer);
template <>
ProgramsAnswer decode(const nlohmann::json& answer);

// A program to be put on a port of the run, compiled. LoadRequest::file is a text for people; direction and log_level
// were the compiler's.
struct ProgramLoadRequest {
  programs::LoadRequest load;
  std::vector<programs::CompiledPath> paths;
};
nlohmann::ordered_json encode(const ProgramLoadRequest& request);
template <>
ProgramLoadRequest decode(const nlohmann::json& request);

nlohmann::ordered_json encode(const programs::LoadResult& result);
template <>
programs::LoadResult decode(const nlohmann::json& answer);

struct ProgramUnloaded {
  std::string name;
};
nlohmann::ordered_json encode(const ProgramUnloaded& answer);
template <>
ProgramUnloaded decode(const nlohmann::json& answer);

}  // namespace nicsentry
