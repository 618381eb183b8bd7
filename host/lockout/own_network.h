// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/packet/session_key.h"

namespace nicsentry {

// This host's place in the network, as far as its traffic passes a watched port.
struct PortNetwork {
  std::string port;                  // as rules name it
  std::vector<IpAddress> addresses;  // of the port, and of what stands on it: VLANs, a bridge or a bond that it is in
  std::vector<IpAddress> gateways;   // of default routes by these interfaces
  // Addresses of interfaces whose traffic does not pass the port. An address in neither list, as of a loopback or dummy
  // interface, may be reached by any port.
  std::vector<IpAddress> elsewhere;
  bool neighbours = true;  // are asked for by their addresses; not on tunnels and point-to-point links (IFF_NOARP)

  bool may_carry(const IpAddress& own) const;
};

// A port by its index, which stays when it gets another name.
struct PortIndex {
  std::string name;
  int index = 0;
};

// Reads both from the kernel, for each port that is there. Throws SystemError.
std::vector<PortNetwork> read_own_network(const std::vector<PortIndex>& ports);

// The port by which packets to an address leave, itself or what stands on it; nothing where it is another interface or
// there is no route. Throws SystemError.
std::optional<std::string> port_to(const IpAddress& remote, const std::vector<PortIndex>& ports);

}  // namespace nicsentry
