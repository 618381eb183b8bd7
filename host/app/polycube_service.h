// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>

#include "host/app/messages.h"
#include "host/polycube/access.h"
#include "host/polycube/change_guard.h"

namespace nicsentry {

struct PolycubeServiceOptions {
  polycube::AccessRules access;
  polycube::ChangeGuard guard = polycube::ChangeGuard::on;
};

// Answers the clients of Polycube's REST API until SIGINT, SIGTERM or SIGQUIT, then takes everything off that they
// attached. The caller must have blocked these signals and SIGHUP in every thread. `log`: the record of a packet that a
// rule logs. Throws Error, also where the address is beyond the loopback interface without `insecure`.
void run_polycube_service(const PolycubeServiceOptions& options, const Messages& messages,
                          const std::function<void(const std::string&)>& log);

}  // namespace nicsentry
