// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/analysis/connections_snapshot.h"
#include "host/datapath/mode.h"
#include "host/enforce/firewall.h"

namespace nicsentry::polycube {

// nicsentry's firewall program on both directions of an interface, and what follows its connections. The destructor
// takes it off. Any thread may call.
class FirewallPort {
 public:
  FirewallPort() = default;
  virtual ~FirewallPort() = default;
  FirewallPort(const FirewallPort&) = delete;
  FirewallPort& operator=(const FirewallPort&) = delete;

  virtual ConnectionsSnapshot connections() = 0;  // throws Unavailable
};

// Brings the rules into force on an interface. The firewall must outlive what is returned. Throws Error.
using OpenFirewallPort =
    std::function<std::unique_ptr<FirewallPort>(Firewall& firewall, const std::string& interface, Mode mode)>;

}  // namespace nicsentry::polycube
