// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/programs/loaded/record.h"
#include "host/programs/reading/reading.h"

namespace nicsentry::programs {

bool is_wanted(const PathRecord& path, Direction direction);
bool is_wanted(const MetricConfig& metric, const ReadRequest& request);

// Throws NotFound for a path or metric that is not there, naming those that are.
void check_request(const std::string& name, const LoadRecord& record, const ReadRequest& request);

}  // namespace nicsentry::programs
