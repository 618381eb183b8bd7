// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/programs/reading/reading.h"

namespace nicsentry::programs {

struct JsonStyle {
  bool raw = false;             // numbers as they are in memory, characters as numbers: as dynmon wrote them
  bool add_processors = false;  // one value in place of a list with one for each processor
};

// The value of a metric as JSON. An array, queue or stack is a list of values. A hash, trie, or a map with a value for
// each processor is a list of {"key": ..., "value": ...}.
std::string metric_value_json(const MetricReading& reading, const JsonStyle& style);

// {"ingress-metrics": [{"name", "value", "timestamp" (microseconds since 1970)}, ...], "egress-metrics": [...]}, as
// dynmon's GET metrics. Other keys may stand beside these.
std::string metrics_json(const std::vector<MetricReading>& readings, const JsonStyle& style);

}  // namespace nicsentry::programs
