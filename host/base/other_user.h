// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <string>

namespace nicsentry {

// Returns the detail of the error where a file belongs to the user who runs nicsentry (docs/usage.md, Rights).
// It begins with ": ".
std::string needs_user(uid_t owner);

}  // namespace nicsentry
