// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>

#include "host/report/window_report.h"

namespace nicsentry {

// Formats a window for a terminal of `width` columns (0: no limit), in ASCII: a title, the `top` sessions with the most
// packets, and each attachment's accounting. Lost, left-out and refused packets are in capitals. A duration with "~"
// may be longer than the true one by up to last_packet_uncertainty_ns. Ends with a line end.
std::string format_table(const WindowReport& report, unsigned width, std::size_t top);

}  // namespace nicsentry
