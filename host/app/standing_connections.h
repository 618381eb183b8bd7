// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>

#include "host/analysis/live_analysis.h"

namespace nicsentry {

// Tells an analysis that is to start which TCP connections this host has. Without them a default of drop would end what
// is older than the run.
void take_standing_connections(LiveAnalysis& analysis, const std::function<void(const std::string&)>& warning);

}  // namespace nicsentry
