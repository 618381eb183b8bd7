// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "host/programs/monitor/monitor.h"

namespace nicsentry::programs {

// A monitor's description (docs/schemas/monitor.schema.json). `directory` is where relative names of files begin.
// Throws BadRequest with a line for each fault: the path of the wrong key, what was read, and what is allowed.
Monitor parse_monitor(const nlohmann::json& description, const std::filesystem::path& directory);

// A list as "metric-configs" of a path has it; `where` is its place in error texts. Throws BadRequest like
// parse_monitor().
std::vector<MetricConfig> parse_metric_configs(const nlohmann::json& list, const std::string& where);
// Writes what parse_metric_configs() reads.
nlohmann::ordered_json metric_configs_json(const std::vector<MetricConfig>& metrics);

// The file of a monitor (.json), of C text (.c) or of a compiled program (.o). The latter two are an ingress path.
// Throws Error naming the file.
Monitor read_program_file(const std::filesystem::path& path);

}  // namespace nicsentry::programs
