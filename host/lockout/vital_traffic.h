// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/lockout/own_network.h"
#include "host/lockout/resolvers.h"
#include "host/lockout/tcp_sockets.h"
#include "host/rules/judged_packet.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// Which verdicts on a vital packet cut somebody off. That a rule drops an attacker's standing connection is what it is
// for; that the default drops it was perhaps not meant.
enum class CutOffBy : std::uint8_t {
  any,      // whatever drops it
  naming,   // `blocked`, or a rule that names addresses of the packet's vital end: not all of them
  unnamed,  // the default, or a rule that names no addresses
};

// A packet that this host, or whoever governs it, depends on.
struct VitalPacket {
  Chain chain = Chain::ingress;
  JudgedPacket packet;
  bool source_is_vital = true;  // else its destination is
  CutOffBy by = CutOffBy::any;
  std::string what;    // "the gateway 192.0.2.1"
  std::string one_of;  // of packets that have this in common, the first one that is cut off is told
  // A limit below this rate cuts it off: packets in a minute. Bits are counted as those of kVitalBytes each.
  std::uint32_t least_per_minute = 60;
};
inline constexpr std::uint32_t kVitalBytes = 500;

// The facts on the host by which a change of rules or sets is judged.
struct HostTraffic {
  std::vector<PortNetwork> networks;  // of the watched ports
  std::vector<Resolver> resolvers;
  std::vector<TcpSocket> caller;    // connections by which whoever makes the change came
  std::vector<TcpSocket> standing;  // all connections of the host
  struct Route {
    IpAddress to;      // the other end of a connection of the caller
    std::string port;  // by which packets to it leave
  };
  std::vector<Route> routes;
  bool egress_seen = false;  // what leaves by the ports is judged, too
  bool one_way = false;      // answers are not seen: all is NEW
};

// The packets by which a change is judged: of the caller's connections and of another one like them, standing
// connections, own addresses, gateways, resolvers, IPv6 neighbour discovery, and answers to what the host begins.
std::vector<VitalPacket> vital_packets(const HostTraffic& host);

}  // namespace nicsentry
