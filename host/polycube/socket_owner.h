// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "host/packet/session_key.h"

namespace nicsentry::polycube {

struct SocketOwner {
  uid_t user;
  std::uint32_t inode;  // as /proc/PID/fd shows it
};

// The user of the connected TCP socket with these ends in this thread's network namespace, by sock_diag(7). Nothing
// where there is none, or where no process has it any more: of such a socket the kernel says that it is root's. Throws
// SystemError.
std::optional<SocketOwner> find_socket(const Endpoint& local, const Endpoint& remote);
std::optional<uid_t> owner_of_socket(const Endpoint& local, const Endpoint& remote);

// A process that holds the socket, by /proc. Nothing where there is none, or it may not be looked at.
std::optional<pid_t> process_with_socket(std::uint32_t inode);

}  // namespace nicsentry::polycube
