// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/app/messages.h"
#include "host/polycube/firewall_port.h"

namespace nicsentry {

// A run of its own for one interface and a firewall of somebody else's: it puts the programs on the hooks, follows the
// connections and keeps the programs there, on a thread of its own. Windows are counted and thrown away. `socket` is on
// record for who asks the port's controller. `messages` and `log` (a logged packet's record) must outlive it. Throws
// Error, and leaves the interface as it was found.
std::unique_ptr<polycube::FirewallPort> open_firewall_port(Firewall& firewall, const std::string& interface, Mode mode,
                                                           const std::string& socket, const Messages& messages,
                                                           const std::function<void(const std::string&)>& log);

}  // namespace nicsentry
