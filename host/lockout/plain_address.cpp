// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/plain_address.h"

#include <arpa/inet.h>

namespace nicsentry {

std::optional<IpAddress> parse_address(const std::string& text) {
  const std::string plain = text.substr(0, text.find('%'));
  IpAddress address;
  address.version = plain.find(':') == std::string::npos ? 4 : 6;
  const int family = address.version == 4 ? AF_INET : AF_INET6;
  return inet_pton(family, plain.c_str(), address.bytes.data()) == 1 ? std::optional(address) : std::nullopt;
}

}  // namespace nicsentry
