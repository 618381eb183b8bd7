// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "host/api/endpoints/run_firewall.h"
#include "host/api/server/router.h"
#include "host/metrics/run_figures.h"

namespace nicsentry {

// The parts of a run that its metrics show. Any thread may call.
struct RunMetrics {
  BuildFigures build;
  std::function<WindowFigures()> windows;  // waits for nobody
  std::function<LiveFigures()> live;       // throws Unavailable where the run does not answer in time
  std::function<std::vector<std::string>()> ports;
};

// /metrics: for Prometheus, in a lane of its own. What cannot be read is missing, and a series says so.
void add_metrics_routes(Router& router, const RunFirewall& run, RunMetrics metrics);

// The rules and sets in force, as metrics show them. `max_age`: of counters. Throws SystemError.
FirewallFigures firewall_figures(const RunFirewall& run, std::chrono::nanoseconds max_age);

}  // namespace nicsentry
