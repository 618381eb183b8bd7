// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/change_options.h"

#include <unistd.h>

#include <cstdio>

#include "host/cli/lifetime_option.h"
#include "host/cli/option_checks.h"
#include "host/lockout/caller.h"

namespace nicsentry {

void add_change_options(CLI::App& command, ChangeOptions& options) {
  command.add_flag("--yes", options.yes, "also if it cuts off your connection, the gateway, neighbour discovery, ...");
  command
      .add_option("--confirm", options.confirm,
                  "take the change back after this time, such as 60s, unless 'rules confirm' comes")
      ->check(understood_by(lifetime_option));
}

namespace {

// The run may not be allowed to look, or be in another PID namespace.
std::string own_connection() {
  try {
    const std::vector<TcpSocket> found = connections_of_caller(getpid(), established_sockets());
    return found.empty() ? "" : ssh_connection_text(found.front());
  } catch (const Error&) {
    return {};  // the run looks for itself
  }
}

}  // namespace

ChangeQuery change_query(const ChangeOptions& options) {
  return {options.yes, chosen_lifetime(options.confirm), own_connection()};
}

void report_unconfirmed(const ChangeOptions& options) {
  if (!options.confirm.empty()) {
    std::printf("taken back after %s unless confirmed: nicsentry rules confirm\n", options.confirm.c_str());
  }
}

}  // namespace nicsentry
