// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/packet/server.h"

#include <optional>

#include "host/packet/tcp_flags.h"

namespace nicsentry {
namespace {

constexpr std::uint8_t kIcmpEchoReply = 0;        // RFC 792
constexpr std::uint8_t kIcmpEchoRequest = 8;      // RFC 792
constexpr std::uint8_t kIcmpv6EchoRequest = 128;  // RFC 4443
constexpr std::uint8_t kIcmpv6EchoReply = 129;    // RFC 4443
constexpr std::uint16_t kFirstUnprivilegedPort = 1024;

enum class Server { source, destination };

std::optional<Server> by_handshake(const ParsedPacket& first) {
  const PacketFeatures& features = first.features;
  switch (first.protocol) {
    case Protocol::tcp:
      if ((features.tcp_flags & kTcpSyn) == 0) return std::nullopt;
      return (features.tcp_flags & kTcpAck) != 0 ? Server::source : Server::destination;
    case Protocol::icmp:
      if (features.icmp_type == kIcmpEchoRequest) return Server::destination;
      if (features.icmp_type == kIcmpEchoReply) return Server::source;
      return std::nullopt;
    case Protocol::icmpv6:
      if (features.icmp_type == kIcmpv6EchoRequest) return Server::destination;
      if (features.icmp_type == kIcmpv6EchoReply) return Server::source;
      return std::nullopt;
    case Protocol::udp:
      return std::nullopt;
  }
  return std::nullopt;
}

ServerDecision decision(const ParsedPacket& first, Server server, ServerMethod method) {
  const Direction from_source = first.key.direction;
  return {server == Server::source ? from_source : opposite(from_source), method};
}

}  // namespace

ServerDecision decide_server(const ParsedPacket& first) {
  if (const auto server = by_handshake(first)) return decision(first, *server, ServerMethod::handshake);
  const std::uint16_t source = first.source.port;
  const std::uint16_t destination = first.destination.port;
  if (destination < kFirstUnprivilegedPort) return decision(first, Server::destination, ServerMethod::port_below_1024);
  if (source < kFirstUnprivilegedPort) return decision(first, Server::source, ServerMethod::port_below_1024);
  return decision(first, source < destination ? Server::source : Server::destination, ServerMethod::lower_port);
}

}  // namespace nicsentry
