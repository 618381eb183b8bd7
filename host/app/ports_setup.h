// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <vector>

#include "host/analysis/attachment.h"
#include "host/app/daemon_options.h"
#include "host/app/messages.h"
#include "host/enforce/firewall.h"
#include "host/enforce/port_names.h"
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

// Ports have got other names: everything calls them by these from now on. They stay the same, by their indices.
// `firewall`: null where there is none.
void rename_ports(const PortNames& names, const Ports& ports,
                  const std::vector<std::unique_ptr<Attachment>>& attachments, Firewall* firewall,
                  const Messages& messages);

}  // namespace nicsentry
