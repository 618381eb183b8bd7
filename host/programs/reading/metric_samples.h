// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>

#include "host/metrics/exposition.h"
#include "host/programs/reading/metric_entries.h"

namespace nicsentry::programs {

struct WrittenMetric {
  std::size_t entries = 0;   // of its map
  std::size_t left_out = 0;  // series
};

// Writes a metric that has open_metrics, `most` series at most. Throws SystemError.
WrittenMetric write_metric(Exposition& exposition, const std::string& program, const Scraped& scraped,
                           std::size_t most);

}  // namespace nicsentry::programs
