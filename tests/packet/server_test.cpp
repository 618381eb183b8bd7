// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "host/packet/server.h"
#include "tests/support/tcp_flags.h"

namespace nicsentry::server_test {
namespace {

using testing::kAck;
using testing::kFin;
using testing::kPsh;
using testing::kRst;
using testing::kSyn;

enum class End { source, destination };

struct Case {
  const char* why;
  Protocol protocol;
  std::uint8_t flags_or_type;  // TCP flags, or ICMP or ICMPv6 type
  std::uint16_t source_port;
  std::uint16_t destination_port;
  End server;
  ServerMethod method;
};

constexpr auto kHandshake = ServerMethod::handshake;
constexpr auto kPort = ServerMethod::port_below_1024;
constexpr auto kLower = ServerMethod::lower_port;

const Case kCases[] = {
    {"a SYN goes to the server", Protocol::tcp, kSyn, 40000, 443, End::destination, kHandshake},
    {"a SYN outweighs ports", Protocol::tcp, kSyn, 443, 40000, End::destination, kHandshake},
    {"a SYN with other flags is a SYN", Protocol::tcp, kSyn | kPsh | kRst | kFin, 1, 2, End::destination, kHandshake},
    {"a SYN+ACK comes from the server", Protocol::tcp, kSyn | kAck, 443, 40000, End::source, kHandshake},
    {"a SYN+ACK outweighs ports", Protocol::tcp, kSyn | kAck, 40000, 443, End::source, kHandshake},
    {"ACK alone says nothing: port of the destination", Protocol::tcp, kAck, 40000, 443, End::destination, kPort},
    {"ACK alone says nothing: port of the source", Protocol::tcp, kAck, 443, 40000, End::source, kPort},
    {"RST alone says nothing", Protocol::tcp, kRst, 50000, 40000, End::destination, kLower},
    {"both below 1024: the destination", Protocol::tcp, kAck, 22, 443, End::destination, kPort},
    {"UDP to 53", Protocol::udp, 0, 40000, 53, End::destination, kPort},
    {"UDP from 53", Protocol::udp, 0, 53, 40000, End::source, kPort},
    {"UDP has no handshake, whatever the flags field holds", Protocol::udp, kSyn, 53, 40000, End::source, kPort},
    {"1023 is below 1024", Protocol::udp, 0, 1024, 1023, End::destination, kPort},
    {"1023 is below 1024 in the source", Protocol::udp, 0, 1023, 1024, End::source, kPort},
    {"1024 is not: the lower port, here the source's", Protocol::udp, 0, 1024, 1025, End::source, kLower},
    {"1024 is not: the lower port, here the destination's", Protocol::udp, 0, 1025, 1024, End::destination, kLower},
    {"a tie is the destination's", Protocol::udp, 0, 5353, 5353, End::destination, kLower},
    {"an echo request goes to the server", Protocol::icmp, 8, 0, 0, End::destination, kHandshake},
    {"an echo reply comes from the server", Protocol::icmp, 0, 0, 0, End::source, kHandshake},
    {"another ICMP type: both ports are 0", Protocol::icmp, 3, 0, 0, End::destination, kPort},
    {"ICMPv6's numbers mean nothing in ICMP", Protocol::icmp, 129, 0, 0, End::destination, kPort},
    {"an ICMPv6 echo request goes to the server", Protocol::icmpv6, 128, 0, 0, End::destination, kHandshake},
    {"an ICMPv6 echo reply comes from the server", Protocol::icmpv6, 129, 0, 0, End::source, kHandshake},
    {"a neighbour solicitation: both ports are 0", Protocol::icmpv6, 135, 0, 0, End::destination, kPort},
    {"ICMP's numbers mean nothing in ICMPv6", Protocol::icmpv6, 0, 0, 0, End::destination, kPort},
};

// Between 10.0.0.1, the lower end, and 10.0.0.2.
ParsedPacket packet_of(const Case& row, bool from_lower) {
  ParsedPacket packet;
  packet.protocol = row.protocol;
  packet.source.address.bytes = {10, 0, 0, static_cast<std::uint8_t>(from_lower ? 1 : 2)};
  packet.destination.address.bytes = {10, 0, 0, static_cast<std::uint8_t>(from_lower ? 2 : 1)};
  packet.source.port = row.source_port;
  packet.destination.port = row.destination_port;
  packet.key = normalise(packet.source, packet.destination, packet.protocol);
  packet.features.direction = packet.key.direction;
  if (row.protocol == Protocol::icmp || row.protocol == Protocol::icmpv6) {
    packet.features.icmp_type = row.flags_or_type;
  } else {
    packet.features.tcp_flags = row.flags_or_type;
  }
  return packet;
}

}  // namespace

TEST_CASE("the first packet of a session says which end is the server, and how it was found") {
  for (const Case& row : kCases) {
    for (const bool from_lower : {true, false}) {
      CAPTURE(row.why, from_lower);
      const ServerDecision seen = decide_server(packet_of(row, from_lower));
      const bool server_is_lower = (row.server == End::source) == from_lower;
      CHECK(seen.server_direction == (server_is_lower ? Direction::from_lower : Direction::from_higher));
      CHECK(seen.method == row.method);
    }
  }
}

}  // namespace nicsentry::server_test
