// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/sessions/lifetimes.h"

namespace nicsentry {

// Returns the default lifetimes, with those changed that the words name: "tcp_established=2h", "udp=10s". Throws Error
// for a word that is no NAME=DURATION, an unknown or repeated name, and a lifetime below a second.
Lifetimes parse_timeouts(const std::vector<std::string>& words);

}  // namespace nicsentry
