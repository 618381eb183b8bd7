// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/access.h"

#include "host/api/server/page_check.h"

namespace nicsentry::polycube {
std::optional<std::string> refusal_of_client(const Endpoint& local, const Endpoint& remote, const AccessRules& rules,
                                             const FindOwner& find_owner) {
  if (!is_loopback(remote.address) || !is_loopback(local.address)) {
    return rules.insecure ? std::nullopt
                          : std::optional<std::string>("only clients of the loopback interface are taken");
  }
  const auto owner = find_owner(remote, local);
  if (!owner) {
    return "the client has closed its socket";
  }
  if (*owner != 0 && !rules.users.contains(*owner)) {
    return "user " + std::to_string(*owner) + " is not allowed; root is, and whom --allow-user names";
  }
  return std::nullopt;
}

std::optional<std::string> refusal(const Arrival& arrival, const AccessRules& rules, const FindOwner& find_owner) {
  const HostRules hosts{[&rules](const IpAddress& address) {
                          return rules.insecure || is_loopback(address) || address == rules.address.address;
                        },
                        {},
                        "http"};
  auto page = refusal_of_page(arrival, hosts);
  return page ? page : refusal_of_client(arrival.local, arrival.remote, rules, find_owner);
}

}  // namespace nicsentry::polycube
