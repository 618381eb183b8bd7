// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "host/lockout/tcp_sockets.h"

namespace nicsentry {

// The client that asks for a change.
struct Caller {
  std::optional<pid_t> process;         // none: it is not known, as in another PID namespace
  std::optional<TcpSocket> connection;  // by which he came, as he says himself
};

// "CLIENT PORT SERVER PORT", as SSH_CONNECTION has it (ssh(1)): a connection that came in. Nothing for another text.
std::optional<TcpSocket> parse_ssh_connection(const std::string& text);
std::string ssh_connection_text(const TcpSocket& socket);

// The connections by which whoever runs a process came to this host: those of `sockets` that the process or one of its
// ancestors holds, such as sshd, and those that their SSH_CONNECTION names: in tmux or under nohup no ancestor holds
// one any more. Reads /proc; a process that may not be looked at, or has ended, has none.
std::vector<TcpSocket> connections_of_caller(pid_t process, const std::vector<TcpSocket>& sockets);

}  // namespace nicsentry
