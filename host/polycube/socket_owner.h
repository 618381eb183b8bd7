// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>

#include "host/packet/session_key.h"

namespace nicsentry::polycube {

// Who opened the connected TCP socket with these ends in this thread's network namespace, by sock_diag(7). Nothing
// where there is none, or where no process has it any more: of such a socket the kernel says that it is root's. Throws
// SystemError.
std::optional<uid_t> owner_of_socket(const Endpoint& local, const Endpoint& remote);

}  // namespace nicsentry::polycube
