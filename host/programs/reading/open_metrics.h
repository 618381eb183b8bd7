// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>

#include "host/metrics/exposition.h"
#include "host/programs/reading/reading.h"

namespace nicsentry::programs {

constexpr std::size_t kSeriesDefault = 10'000;

// A loaded monitor's metrics in OpenMetrics 1.0 (docs/own-programs.md). It swaps and empties nothing: counters are what
// the maps hold now and what reads took out of them since the load. Each metric has `series_most` series at most, of
// the lowest keys. Throws NotFound as read_metrics() does.
std::string open_metrics_text(const std::string& monitor, const ReadRequest& request,
                              std::size_t series_most = kSeriesDefault);

// Likewise, into a text that has other families, too. A name that is taken there gets the direction at its end.
void write_open_metrics(Exposition& exposition, const std::string& monitor, const ReadRequest& request,
                        std::size_t series_most = kSeriesDefault);

}  // namespace nicsentry::programs
