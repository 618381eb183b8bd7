// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "host/packet/session_key.h"

namespace nicsentry {

// Names of servers' ports, as the system has them (/etc/services). Each is asked for once. Not for several threads at
// once.
class ServiceNames {
 public:
  // "https", or "443" where the port has no name.
  const std::string& of(Protocol protocol, std::uint16_t port);

 private:
  std::map<std::pair<Protocol, std::uint16_t>, std::string> known_;
};

}  // namespace nicsentry
