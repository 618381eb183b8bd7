// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/other_user.h"

namespace nicsentry {

std::string needs_user(uid_t owner) {
  return ": commands to a run need no capabilities, but the user who runs nicsentry: user " + std::to_string(owner) +
         (owner == 0 ? ", root (sudo)" : "");
}

}  // namespace nicsentry
