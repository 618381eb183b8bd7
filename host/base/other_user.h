// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <string>

namespace nicsentry {

// What a command is told that may not open what the user has who runs nicsentry, as docs/usage.md has it under Rights.
// It begins with ": ".
std::string needs_user(uid_t owner);

}  // namespace nicsentry
