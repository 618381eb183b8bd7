// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/change_options.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <utility>

#include "host/api/json/fields.h"
#include "host/cli/enforced_text.h"
#include "host/cli/lifetime_option.h"
#include "host/cli/option_checks.h"
#include "host/lockout/caller.h"

namespace nicsentry {

void add_change_options(CLI::App& command, ChangeOptions& options) {
  command.add_flag("--yes", options.yes, "also if it cuts off your connection, the gateway, neighbour discovery, ...");
  command
      .add_option(
          "--confirm", options.confirm,
          "take the change back after this time, such as 60s, unless 'rules confirm' comes; a number alone: seconds")
      ->check(understood_by(lifetime_option));
}

void add_change_json(CLI::App& command, ChangeOptions& options) {
  command.add_flag("--json", options.json, "print JSON: what the API answers");
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

// How long a change that was made may wait to be confirmed, and how; nothing without --confirm.
void report_unconfirmed(const ChangeOptions& options) {
  if (!options.confirm.empty()) {
    std::printf("taken back after %s unless confirmed: nicsentry rules confirm; at once: nicsentry rules revert\n",
                lifetime_with_unit(options.confirm).c_str());
  }
}

}  // namespace

ChangeQuery change_query(const ChangeOptions& options) {
  return {options.yes, chosen_lifetime(options.confirm), own_connection()};
}

int report_change(const ChangeOptions& options, nlohmann::ordered_json answer, const Enforced& enforced,
                  const std::vector<Chain>& chains, const std::function<void()>& text) {
  if (!options.json) {
    text();
    report_unconfirmed(options);
    return report_enforced(enforced, chains);
  }
  if (const auto confirm = chosen_lifetime(options.confirm)) {
    answer["unconfirmed"] = {{"seconds", std::chrono::duration<double>(*confirm).count()}};
  }
  std::printf("%s\n", printed_json(answer, 2).c_str());
  std::fflush(stdout);
  return enforcement_status(enforced, chains);
}

}  // namespace nicsentry
