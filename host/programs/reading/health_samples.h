// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/metrics/exposition.h"
#include "host/programs/reading/metric_entries.h"

namespace nicsentry::programs {

// The findings of a scrape on a metric and on its map.
struct MetricHealth {
  std::optional<std::size_t> entries;  // that are in the map
  std::size_t left_out = 0;            // series of this scrape
  double scrape_seconds = 0;
  bool failed = false;
};

using MetricsHealth = std::vector<std::pair<const Scraped*, MetricHealth>>;

// Writes a series of each kind for each metric.
void write_health(Exposition& exposition, const std::string& program, const MetricsHealth& all);

}  // namespace nicsentry::programs
