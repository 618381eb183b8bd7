// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "host/packet/session_key.h"

namespace nicsentry {

// An established TCP connection of this host. An IPv4 connection of an IPv6 socket has IPv4 addresses.
struct TcpSocket {
  Endpoint local;
  Endpoint remote;
  bool accepted = false;    // the other end began it: some socket listens on the local port
  std::uint32_t inode = 0;  // as /proc/PID/fd shows it
};

// Those of this thread's network namespace, by sock_diag(7), without those within the host. Throws SystemError.
std::vector<TcpSocket> established_sockets();

}  // namespace nicsentry
