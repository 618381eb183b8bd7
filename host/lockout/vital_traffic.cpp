// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/lockout/vital_traffic.h"

#include <netinet/in.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "host/packet/tcp_flags.h"

namespace nicsentry {
namespace {

constexpr std::uint8_t kAnyProtocol = 253;  // for experiments (RFC 3692): no rule names it by chance
constexpr std::uint16_t kDns = 53;
// What such packets mostly have: the hop limit that Linux begins with, and of neighbour discovery RFC 4861's.
constexpr std::uint16_t kTtl = 64;
constexpr std::uint16_t kHopLimitOfNeighbours = 255;
constexpr std::uint16_t kNeighbourBytes = 72;  // IPv6 header, message, link-layer address
constexpr std::uint16_t kTcpBytes = 32;        // with time stamps
constexpr std::uint16_t kEphemeral = 40000;
constexpr std::uint8_t kRouterAdvertisement = 134;  // RFC 4861
constexpr std::uint8_t kNeighbourSolicitation = 135;
constexpr std::uint8_t kNeighbourAdvertisement = 136;
// Rates below which they are of no use, in packets a minute. A shell sends a packet for each key and gets one for it.
constexpr std::uint32_t kLeastOfConnection = 20 * 60;
constexpr std::uint32_t kLeastOfLogin = 3;
constexpr std::uint32_t kLeastOfResolver = 5 * 60;
constexpr std::uint32_t kLeastOfOthers = 60;
// Each costs a look at all rules.
constexpr std::size_t kStandingMost = 1000;

std::string endpoint_text(const Endpoint& end) {
  const std::string address = end.address.text();
  return (end.address.version == 6 ? "[" + address + "]" : address) + ":" + std::to_string(end.port);
}

IpAddress unspecified(std::uint8_t version) {
  IpAddress address;
  address.version = version;
  return address;
}

IpAddress all_nodes() {
  IpAddress address = unspecified(6);
  address.bytes[0] = 0xFF;
  address.bytes[1] = 0x02;
  address.bytes[15] = 1;
  return address;
}

// RFC 4291, 2.7.1
IpAddress solicited_node(const IpAddress& of) {
  IpAddress address = unspecified(6);
  address.bytes[0] = 0xFF;
  address.bytes[1] = 0x02;
  address.bytes[11] = 1;
  address.bytes[12] = 0xFF;
  std::copy(of.bytes.end() - 3, of.bytes.end(), address.bytes.end() - 3);
  return address;
}

bool is_link_local(const IpAddress& address) {
  return address.version == 6 && address.bytes[0] == 0xFE && (address.bytes[1] & 0xC0U) == 0x80;
}

bool has(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

class Builder {
 public:
  explicit Builder(const HostTraffic& host)
      : host_(host), answered_(host.one_way ? ConnectionState::new_session : ConnectionState::established) {}

  std::vector<VitalPacket> build() {
    for (const PortNetwork& network : host_.networks) {
      add_addresses(network);
      if (network.neighbours && std::any_of(network.addresses.begin(), network.addresses.end(),
                                            [](const IpAddress& address) { return address.version == 6; })) {
        add_neighbour_discovery(network);
      }
      add_resolvers(network);
      if (host_.one_way) {
        add_answers(network);
      }
      add_caller(network);
      add_standing(network);
    }
    return std::move(packets_);
  }

 private:
  // A packet from a remote end that is vital, and where what leaves is judged one to it.
  void add_both_ways(const std::string& what, CutOffBy by, const JudgedPacket& incoming, std::uint32_t least,
                     const std::string& one_of = {}) {
    const std::string& group = one_of.empty() ? what : one_of;
    packets_.push_back({Chain::ingress, incoming, true, by, what, group, least});
    if (host_.egress_seen) {
      JudgedPacket outgoing = incoming;
      std::swap(outgoing.source, outgoing.destination);
      std::swap(outgoing.source_port, outgoing.destination_port);
      packets_.push_back({Chain::egress, std::move(outgoing), false, by, what, group, least});
    }
  }

  static JudgedPacket packet(const PortNetwork& network, const IpAddress& from, const IpAddress& to,
                             std::uint8_t protocol = kAnyProtocol) {
    JudgedPacket made;
    made.source = from;
    made.destination = to;
    made.protocol = protocol;
    made.interface = network.port;
    made.dscp = std::uint16_t{0};
    made.ttl = kTtl;
    made.vlan = kNoVlan;
    return made;
  }

  JudgedPacket segment(const PortNetwork& network, const TcpSocket& socket) const {
    JudgedPacket made = packet(network, socket.remote.address, socket.local.address, IPPROTO_TCP);
    made.header = true;
    made.source_port = socket.remote.port;
    made.destination_port = socket.local.port;
    made.tcp_flags = kTcpAck;
    made.length = static_cast<std::uint16_t>((socket.local.address.version == 6 ? 40 : 20) + kTcpBytes);
    made.state = answered_;
    return made;
  }

  static IpAddress own_of(const PortNetwork& network, std::uint8_t version) {
    const auto found = std::find_if(network.addresses.begin(), network.addresses.end(),
                                    [version](const IpAddress& address) { return address.version == version; });
    return found != network.addresses.end() ? *found : unspecified(version);
  }

  void add_addresses(const PortNetwork& network) {
    for (const IpAddress& own : network.addresses) {
      // No packet from it comes in: an entry for it is a mistake.
      const std::string what = own.text() + ", an address of this host";
      packets_.push_back(
          {Chain::ingress, packet(network, own, own), true, CutOffBy::naming, what, what, kLeastOfOthers});
    }
    for (const IpAddress& gateway : network.gateways) {
      add_both_ways("the gateway " + gateway.text(), CutOffBy::naming,
                    packet(network, gateway, own_of(network, gateway.version)), kLeastOfOthers);
    }
  }

  void add_neighbour_discovery(const PortNetwork& network) {
    const std::string what = "IPv6 neighbour discovery on " + network.port +
                             ": accept it by {\"l4proto\": \"ICMPv6\", \"action\": \"accept\"}";
    const auto add = [&](Chain chain, const IpAddress& from, const IpAddress& to, std::uint8_t type) {
      JudgedPacket made = packet(network, from, to, IPPROTO_ICMPV6);
      made.header = true;
      made.icmp_type = type;
      made.ttl = kHopLimitOfNeighbours;
      made.length = kNeighbourBytes;
      packets_.push_back({chain, std::move(made), chain == Chain::ingress, CutOffBy::any, what, what, kLeastOfOthers});
    };
    for (const auto& [own, neighbour] : neighbours_of(network)) {
      add(Chain::ingress, neighbour, solicited_node(own), kNeighbourSolicitation);
      add(Chain::ingress, neighbour, own, kNeighbourAdvertisement);
      if (host_.egress_seen) {
        add(Chain::egress, own, solicited_node(neighbour), kNeighbourSolicitation);
        add(Chain::egress, own, neighbour, kNeighbourAdvertisement);
      }
    }
    for (const IpAddress& gateway : network.gateways) {
      if (is_link_local(gateway)) {
        add(Chain::ingress, gateway, all_nodes(), kRouterAdvertisement);
      }
    }
  }

  // Each own IPv6 address with a neighbour of its scope: a gateway, or one that may well be there.
  static std::vector<std::pair<IpAddress, IpAddress>> neighbours_of(const PortNetwork& network) {
    std::vector<std::pair<IpAddress, IpAddress>> pairs;
    for (const IpAddress& own : network.addresses) {
      if (own.version == 6) {
        IpAddress neighbour = own;  // of the same link
        neighbour.bytes.back() ^= 1U;
        pairs.emplace_back(own, neighbour);
        for (const IpAddress& gateway : network.gateways) {
          if (gateway.version == 6 && is_link_local(gateway) == is_link_local(own)) {
            pairs.emplace_back(own, gateway);
          }
        }
      }
    }
    return pairs;
  }

  void add_resolvers(const PortNetwork& network) {
    for (const Resolver& resolver : host_.resolvers) {
      if (!network.may_carry(resolver.local)) {
        continue;
      }
      const std::string what = "the resolver " + resolver.address.text();
      add_both_ways(what, CutOffBy::naming, packet(network, resolver.address, resolver.local), kLeastOfResolver);
      JudgedPacket answer = packet(network, resolver.address, resolver.local, IPPROTO_UDP);
      answer.header = true;
      answer.source_port = kDns;
      answer.destination_port = kEphemeral;
      answer.state = answered_;
      packets_.push_back(
          {Chain::ingress, std::move(answer), true, CutOffBy::any, "answers of " + what, what, kLeastOfResolver});
      if (host_.egress_seen) {
        JudgedPacket question = packet(network, resolver.local, resolver.address, IPPROTO_UDP);
        question.header = true;
        question.source_port = kEphemeral;
        question.destination_port = kDns;
        packets_.push_back(
            {Chain::egress, std::move(question), false, CutOffBy::any, "questions to " + what, what, kLeastOfResolver});
      }
    }
  }

  void add_answers(const PortNetwork& network) {
    for (const std::uint8_t version : {std::uint8_t{4}, std::uint8_t{6}}) {
      const IpAddress own = own_of(network, version);
      if (!has(network.addresses, own)) {
        continue;
      }
      TcpSocket begun;
      begun.local = {own, kEphemeral};
      begun.remote = {unspecified(version), 443};
      JudgedPacket answer = segment(network, begun);
      answer.tcp_flags = kTcpSyn | kTcpAck;
      answer.state = ConnectionState::invalid;  // of no session that is known, and no plain SYN
      packets_.push_back({Chain::ingress, std::move(answer), true, CutOffBy::unnamed,
                          "answers to what this host begins: only what comes in is seen (run with --direction both)",
                          "answers", kLeastOfConnection});
    }
  }

  void add_caller(const PortNetwork& network) {
    std::set<std::tuple<IpAddress, Endpoint>> logins;
    for (const TcpSocket& socket : host_.caller) {
      if (!network.may_carry(socket.local.address) && !comes_by(socket, network)) {
        continue;
      }
      const IpAddress& peer = socket.remote.address;
      const std::string who = "caller " + peer.text();
      add_both_ways("your own connection, from " + endpoint_text(socket.remote) + " to " + endpoint_text(socket.local),
                    CutOffBy::any, segment(network, socket), kLeastOfConnection, who);
      JudgedPacket pushed = segment(network, socket);
      pushed.tcp_flags = kTcpAck | kTcpPsh;
      add_both_ways("data of your own connection", CutOffBy::any, pushed, kLeastOfConnection, who);
      add_both_ways(peer.text() + ", from where you came", CutOffBy::naming,
                    packet(network, peer, socket.local.address), kLeastOfConnection, who);
      if (socket.accepted && logins.emplace(peer, socket.local).second) {
        JudgedPacket login = segment(network, socket);
        login.source_port = kEphemeral;
        login.tcp_flags = kTcpSyn;
        login.state = ConnectionState::new_session;
        packets_.push_back(
            {Chain::ingress, std::move(login), true, CutOffBy::any,
             "new connections from " + peer.text() + " to " + endpoint_text(socket.local) + ", as yours came in", who,
             kLeastOfLogin});
      }
    }
  }

  // To an address of another interface, by this port all the same.
  bool comes_by(const TcpSocket& socket, const PortNetwork& network) const {
    return std::any_of(host_.routes.begin(), host_.routes.end(), [&](const HostTraffic::Route& route) {
      return route.to == socket.remote.address && route.port == network.port;
    });
  }

  // One for all that differ in the client's port.
  void add_standing(const PortNetwork& network) {
    std::set<std::tuple<Endpoint, Endpoint>> known;
    for (const TcpSocket& socket : host_.standing) {
      Endpoint local = socket.local;
      Endpoint remote = socket.remote;
      (socket.accepted ? remote : local).port = 0;
      const bool is_callers = std::any_of(host_.caller.begin(), host_.caller.end(), [&socket](const TcpSocket& one) {
        return one.local == socket.local && one.remote == socket.remote;
      });
      if (!is_callers && known.size() < kStandingMost && network.may_carry(local.address) &&
          known.emplace(local, remote).second) {
        add_both_ways("the connection of " + endpoint_text(socket.local) + " with " + endpoint_text(socket.remote),
                      CutOffBy::unnamed, segment(network, socket), kLeastOfConnection);
      }
    }
  }

  const HostTraffic& host_;
  ConnectionState answered_;
  std::vector<VitalPacket> packets_;
};

}  // namespace

std::vector<VitalPacket> vital_packets(const HostTraffic& host) { return Builder(host).build(); }

}  // namespace nicsentry
