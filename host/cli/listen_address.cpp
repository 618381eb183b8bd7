// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/listen_address.h"

#include <algorithm>
#include <cstdint>

#include "host/base/error.h"
#include "host/base/number_text.h"
#include "host/lockout/plain_address.h"

namespace nicsentry {

Endpoint parse_listen_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, std::min(colon, text.size()));
  if (host.size() > 2 && host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    host.clear();
  }
  const auto address = host.find('%') == std::string::npos ? parse_address(host) : std::nullopt;
  const auto port = colon == std::string::npos ? std::nullopt : parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!address || !port) {
    throw BadRequest("read '" + text + "', allowed is ADDRESS:PORT, as 127.0.0.1:9000 or [::1]:9000");
  }
  return {*address, *port};
}

}  // namespace nicsentry
