// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <vector>

#include "host/lockout/tcp_sockets.h"

namespace nicsentry {

// The connections by which whoever runs a process came to this host: those of `sockets` that the process or one of its
// ancestors holds, such as sshd, and those that their SSH_CONNECTION names: in tmux or under nohup no ancestor holds
// one any more. Reads /proc; a process that may not be looked at, or has ended, has none.
std::vector<TcpSocket> connections_of_caller(pid_t process, const std::vector<TcpSocket>& sockets);

}  // namespace nicsentry
