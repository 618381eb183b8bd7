// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/lockout.h"

#include <net/if.h>

#include <array>
#include <utility>

namespace nicsentry {

VitalTraffic::VitalTraffic(const Options& options) : egress_seen_(options.egress_seen), one_way_(options.one_way) {
  for (const std::string& port : options.ports) {
    ports_.push_back({port, static_cast<int>(if_nametoindex(port.c_str()))});
  }
}

// By the names that they have now: rules get them, too.
std::vector<PortIndex> VitalTraffic::ports() const {
  std::vector<PortIndex> ports = ports_;
  for (PortIndex& port : ports) {
    std::array<char, IF_NAMESIZE> name{};
    if (static_cast<int>(if_nametoindex(port.name.c_str())) != port.index &&
        if_indextoname(static_cast<unsigned>(port.index), name.data()) != nullptr) {
      port.name = name.data();
    }
  }
  return ports;
}

std::vector<VitalPacket> VitalTraffic::packets(const Caller& caller, bool standing) const {
  HostTraffic host;
  const std::vector<PortIndex> watched = ports();
  host.networks = read_own_network(watched);
  host.resolvers = read_resolvers();
  host.egress_seen = egress_seen_;
  host.one_way = one_way_;
  std::vector<TcpSocket> sockets = caller.process || standing ? established_sockets() : std::vector<TcpSocket>();
  if (caller.process) {
    host.caller = connections_of_caller(*caller.process, sockets);
  }
  if (host.caller.empty() && caller.connection) {
    host.caller.push_back(*caller.connection);
  }
  for (const TcpSocket& socket : host.caller) {
    if (const auto port = port_to(socket.remote.address, watched)) {
      host.routes.push_back({socket.remote.address, *port});
    }
  }
  if (standing) {
    host.standing = std::move(sockets);
  }
  return vital_packets(host);
}

}  // namespace nicsentry
