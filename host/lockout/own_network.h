// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "host/packet/session_key.h"

namespace nicsentry {

// This host's place in the network, as far as its traffic passes a watched port.
struct PortNetwork {
  std::string port;
  std::vector<IpAddress> addresses;  // of the port, and of what stands on it: VLANs, a bridge or a bond that it is in
  std::vector<IpAddress> gateways;   // of default routes by these interfaces
};

// Reads both from the kernel, for each port. Throws SystemError.
std::vector<PortNetwork> read_own_network(const std::vector<std::string>& ports);

}  // namespace nicsentry
