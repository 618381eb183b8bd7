// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "host/api/server/request.h"
#include "host/polycube/call.h"
#include "host/programs/monitor/monitor.h"

namespace nicsentry::polycube {

// Answers a GET of "metrics" or of what is below it: ingress-metrics and egress-metrics, a metric by its name, its
// value. A monitor that is not attached has empty values. Throws NotFound.
Response show_metrics(const Call& call, const std::string& monitor, const std::optional<programs::Monitor>& config,
                      bool attached);

// Answers a GET of "open-metrics": a text, empty for a monitor that is not attached. It swaps and empties nothing.
Response show_open_metrics(const Call& call, const std::string& monitor, bool attached);

}  // namespace nicsentry::polycube
