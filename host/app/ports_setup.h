// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <vector>

#include "host/app/daemon_options.h"
#include "host/enforce/firewall.h"
#include "host/ports/port.h"
#include "host/report/profile.h"

namespace nicsentry {

using Ports = std::vector<std::unique_ptr<Port>>;

// Opens the ports of a run, in their order; with a firewall (or null) its rules are in each program before the program
// is on its hook. Throws Error, and leaves the ports as they were found.
Ports open_ports(const DaemonOptions& options, Firewall* firewall);

// The analysis that all their programs have in common.
Profile common_profile(const Ports& ports);

bool any_on_card(const Ports& ports);

}  // namespace nicsentry
