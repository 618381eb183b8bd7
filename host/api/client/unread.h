// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

namespace nicsentry {

// Why the process at the other end of a connected Unix socket has not read what was sent: it has no free descriptor to
// accept the connection with. Nothing where it has read all, where it has one, or where that cannot be seen.
std::optional<std::string> why_unread(int socket);

}  // namespace nicsentry
