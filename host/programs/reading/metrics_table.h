// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/programs/reading/metrics_json.h"
#include "host/programs/reading/reading.h"

namespace nicsentry::programs {

// Metrics for people: of each a title, then a row for each entry, of per-CPU maps one for each processor unless these
// are added. An empty line stands between two metrics.
std::string metrics_text(const std::vector<MetricReading>& readings, const JsonStyle& style);

}  // namespace nicsentry::programs
