// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/access.h"

#include <algorithm>

#include "host/base/number_text.h"
#include "host/lockout/plain_address.h"

namespace nicsentry::polycube {
namespace {

constexpr std::uint8_t kLoopbackNet = 127;

bool is_port(std::string_view text) { return parse_number<std::uint16_t>(text).has_value(); }

// "name" of "name" and "name:9000", "::1" of "[::1]:9000"; nothing for another text.
std::optional<std::string> host_name(const std::string& host) {
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : std::string::npos;
  const std::size_t colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
  const std::string name = bracket == std::string::npos ? host.substr(0, colon) : host.substr(1, bracket - 1);
  const std::size_t end = bracket == std::string::npos ? name.size() : bracket + 1;
  const bool port_follows = end < host.size() && host[end] == ':' && is_port(std::string_view(host).substr(end + 1));
  if (name.empty() || (end != host.size() && !port_follows)) {
    return std::nullopt;
  }
  return name;
}

// A name could be made to mean this host by somebody else's name server; an address and "localhost" cannot.
bool names_this_host(const std::string& host, const AccessRules& rules) {
  const auto name = host_name(host);
  if (!name) {
    return false;
  }
  if (*name == "localhost") {
    return true;
  }
  const auto address = name->find('%') == std::string::npos ? parse_address(*name) : std::nullopt;
  return address && (rules.insecure || is_loopback(*address) || *address == rules.address.address);
}

std::optional<std::string> refusal_of_page(const Arrival& arrival, const AccessRules& rules) {
  if (arrival.host.size() != 1 || !names_this_host(arrival.host.front(), rules)) {
    return "the header Host must have an address of this host, or localhost";
  }
  for (const std::string& origin : arrival.origin) {
    if (origin != "http://" + arrival.host.front()) {
      return "a page of another origin sent this";
    }
  }
  for (const std::string& site : arrival.fetch_site) {
    if (site != "same-origin" && site != "none") {
      return "a page of another site sent this";
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_loopback(const IpAddress& address) {
  if (address.version == 4) {
    return address.bytes[0] == kLoopbackNet;
  }
  IpAddress one;
  one.version = 6;
  one.bytes.back() = 1;
  return address == one;
}

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
  auto page = refusal_of_page(arrival, rules);
  return page ? page : refusal_of_client(arrival.local, arrival.remote, rules, find_owner);
}

}  // namespace nicsentry::polycube
