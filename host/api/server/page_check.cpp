// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/page_check.h"

#include <algorithm>
#include <cctype>

#include "host/base/number_text.h"
#include "host/lockout/plain_address.h"

namespace nicsentry {
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

std::string in_lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

bool names_this_host(const std::string& host, const HostRules& rules) {
  const auto name = host_name(host);
  if (!name) {
    return false;
  }
  const std::string lower = in_lower_case(*name);
  if (lower == "localhost" || rules.names.contains(lower)) {
    return true;
  }
  const auto address = name->find('%') == std::string::npos ? parse_address(*name) : std::nullopt;
  return address && rules.is_ours(*address);
}

std::optional<std::string> refusal_of_origin(const Arrival& arrival, const char* scheme) {
  for (const std::string& origin : arrival.origin) {
    if (arrival.host.empty() || origin != scheme + std::string("://") + arrival.host.front()) {
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

// Of a name without a dot no stranger can make an address of this host.
bool is_nobodys_name(const std::string& host) {
  const auto name = host_name(host);
  return name && (name->find('.') == std::string::npos || parse_address(*name).has_value());
}

}  // namespace

std::optional<std::string> refusal_of_page(const Arrival& arrival, const HostRules& rules) {
  if (arrival.host.size() != 1 || !names_this_host(arrival.host.front(), rules)) {
    return "the header Host must have an address of this host, or localhost" +
           std::string(rules.names.empty() ? "" : ", or a name of --host");
  }
  return refusal_of_origin(arrival, rules.scheme);
}

std::optional<std::string> refusal_of_forwarded_page(const Arrival& arrival) {
  if (!std::all_of(arrival.host.begin(), arrival.host.end(), is_nobodys_name)) {
    return "the header Host must be localhost, an address, or a name without a dot";
  }
  return refusal_of_origin(arrival, "http");
}

bool is_loopback(const IpAddress& address) {
  if (address.version == 4) {
    return address.bytes[0] == kLoopbackNet;
  }
  IpAddress one;
  one.version = 6;
  one.bytes.back() = 1;
  return address == one;
}

}  // namespace nicsentry
