// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "host/api/server/command_socket.h"
#include "host/enforce/firewall.h"

namespace nicsentry {

// Throws Error where no program enforces the chain: what nobody enforces must not look as if it were in force.
using RequireChain = std::function<void(Chain)>;

// What callers on the command socket may ask of the firewall: /firewall/rules, apply, default, accept-established,
// reset-counters, sets, set-entries, set-add, set-take, set-load, set-remove.
// `caution`: what a user must know who drops by default what comes in.
void add_firewall_endpoints(CommandServer& server, Firewall& firewall, const RequireChain& require,
                            const std::optional<std::string>& caution);

}  // namespace nicsentry
