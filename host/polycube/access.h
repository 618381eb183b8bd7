// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "host/api/server/gate.h"

namespace nicsentry::polycube {

// The users of the API. Its clients send no token, and what they send is compiled and loaded into the kernel.
struct AccessRules {
  Endpoint address;       // at which the API listens
  std::set<uid_t> users;  // beside root
  bool insecure = false;  // also clients of other machines, whoever they are
};

// Returns the user of the TCP socket with these ends in this network namespace; nothing where no process has it.
using FindOwner = std::function<std::optional<uid_t>(const Endpoint& local, const Endpoint& remote)>;

// Why a client's requests are refused; nothing where they are taken. It must be on the loopback interface, with a
// socket of root or of an allowed user. `local` is the server's end.
std::optional<std::string> refusal_of_client(const Endpoint& local, const Endpoint& remote, const AccessRules& rules,
                                             const FindOwner& find_owner);

// Why a request is refused, before its body is read; nothing where it is taken. Its client must be taken. It must name
// this host, so that a page of a foreign name cannot ask in a browser's name. No page of another origin may have sent
// it.
std::optional<std::string> refusal(const Arrival& arrival, const AccessRules& rules, const FindOwner& find_owner);

}  // namespace nicsentry::polycube
