// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/run_firewall.h"

#include "host/base/error.h"

namespace nicsentry {

Firewall& RunFirewall::required() const {
  if (firewall == nullptr) {
    throw Conflict("the run has no firewall (start it with: nicsentry run -i PORT --firewall)");
  }
  return *firewall;
}

}  // namespace nicsentry
