// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/metrics/run_figures.h"

namespace nicsentry {

// The metrics of a run, and of this process. docs/metrics.md names each.
std::string metrics_text(const RunFigures& figures, TextFormat format);

}  // namespace nicsentry
