// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/quoted_session.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>
#include <vector>

namespace nicsentry::quoted_session_test {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes operator+(Bytes front, const Bytes& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

// Ours, a server that we talk to, and a router on the way.
const Bytes kOurs4{10, 0, 0, 1};
const Bytes kServer4{192, 0, 2, 7};
const Bytes kRouter4{198, 51, 100, 1};
const Bytes kPorts{0x90, 0x01, 0x01, 0xbb};  // 36865 to 443

Bytes address6(std::uint8_t last) {
  Bytes address(16);
  address[0] = 0xfd;
  address[15] = last;
  return address;
}

Bytes ethernet(std::uint8_t type_high, std::uint8_t type_low) { return Bytes(12, 2) + Bytes{type_high, type_low}; }

Bytes ipv4(const Bytes& source, const Bytes& destination, std::uint8_t protocol, std::uint8_t fragment_offset = 0) {
  return Bytes{0x45, 0, 1, 0, 0, 0, 0, fragment_offset, 64, protocol, 0, 0} + source + destination;
}

Bytes ipv6(const Bytes& source, const Bytes& destination, std::uint8_t next) {
  return Bytes{0x60, 0, 0, 0, 0, 100, next, 64} + source + destination;
}

Bytes icmp(std::uint8_t type) { return {type, 1, 0, 0, 0, 0, 0, 0}; }

// A router's error about a packet of ours.
Bytes error4(const Bytes& quote, std::uint8_t type = 3) {
  return ethernet(8, 0) + ipv4(kRouter4, kOurs4, 1) + icmp(type) + quote;
}

std::optional<SessionKey> quoted(const Bytes& frame) {
  const auto packet = parse_packet(frame);
  REQUIRE(packet);
  return quoted_session(frame, *packet);
}

Endpoint endpoint(const Bytes& address, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.address.version = address.size() == 4 ? 4 : 6;
  std::copy(address.begin(), address.end(), endpoint.address.bytes.begin());
  endpoint.port = port;
  return endpoint;
}

}  // namespace

TEST_CASE("an error names the session of the packet that it quotes, by eight bytes of its transport header") {
  const Bytes rest{0, 0, 0, 1};
  CHECK(quoted(error4(ipv4(kOurs4, kServer4, 6) + kPorts + rest)) ==
        normalise(endpoint(kOurs4, 36865), endpoint(kServer4, 443), Protocol::tcp).key);
  CHECK(quoted(error4(ipv4(kOurs4, kServer4, 17) + kPorts + rest, 11)) ==
        normalise(endpoint(kOurs4, 36865), endpoint(kServer4, 443), Protocol::udp).key);
  CHECK(quoted(error4(ipv4(kOurs4, kServer4, 1) + icmp(8))) ==
        normalise(endpoint(kOurs4, 0), endpoint(kServer4, 0), Protocol::icmp).key);
}

TEST_CASE("a quoted IPv4 header may have options") {
  Bytes header = ipv4(kOurs4, kServer4, 17);
  header[0] = 0x46;
  CHECK(quoted(error4(header + Bytes{1, 1, 1, 1} + kPorts)) ==
        normalise(endpoint(kOurs4, 36865), endpoint(kServer4, 443), Protocol::udp).key);
}

TEST_CASE("ICMPv6 errors quote IPv6 packets") {
  const Bytes frame =
      ethernet(0x86, 0xdd) + ipv6(address6(3), address6(1), 58) + icmp(2) + ipv6(address6(1), address6(2), 6) + kPorts;
  CHECK(quoted(frame) == normalise(endpoint(address6(1), 36865), endpoint(address6(2), 443), Protocol::tcp).key);
}

// An error about a packet of ours behind these extension headers: kind, and bytes with the next header left out.
Bytes error_behind(const std::vector<std::pair<std::uint8_t, Bytes>>& extensions, const Bytes& rest = kPorts) {
  Bytes chain;
  for (std::size_t i = 0; i < extensions.size(); ++i) {
    const std::uint8_t next = i + 1 < extensions.size() ? extensions[i + 1].first : 6;
    chain = chain + Bytes{next} + extensions[i].second;
  }
  return ethernet(0x86, 0xdd) + ipv6(address6(3), address6(1), 58) + icmp(2) +
         ipv6(address6(1), address6(2), extensions.empty() ? 6 : extensions.front().first) + chain + rest;
}

TEST_CASE("the quoted packet's extension headers are passed over, as far as the programs on the host walk") {
  const auto wanted = normalise(endpoint(address6(1), 36865), endpoint(address6(2), 443), Protocol::tcp).key;
  const std::pair<std::uint8_t, Bytes> options{60, Bytes{0, 1, 4, 0, 0, 0, 0}};
  const std::pair<std::uint8_t, Bytes> first_fragment{44, Bytes{0, 0, 1, 0, 0, 0, 7}};
  const std::pair<std::uint8_t, Bytes> later_fragment{44, Bytes{0, 0, 9, 0, 0, 0, 7}};
  const std::pair<std::uint8_t, Bytes> authentication{51, Bytes{1} + Bytes(10)};
  const auto long_options = [](std::uint8_t units) {
    return std::pair<std::uint8_t, Bytes>{60, Bytes{units} + Bytes(std::size_t{units} * 8 + 6)};
  };
  for (const std::uint8_t kind : {std::uint8_t{0}, std::uint8_t{43}, std::uint8_t{60}, std::uint8_t{135}}) {
    CHECK(quoted(error_behind({{kind, options.second}})) == wanted);
  }
  CHECK(quoted(error_behind({first_fragment})) == wanted);
  CHECK(quoted(error_behind({{0, options.second}, first_fragment, options})) == wanted);
  CHECK(quoted(error_behind({authentication})) == wanted);
  CHECK(quoted(error_behind(std::vector(8, options))) == wanted);
  CHECK(quoted(error_behind({long_options(55)})) == wanted);
  CHECK_FALSE(quoted(error_behind({long_options(56)})));
  CHECK_FALSE(quoted(error_behind(std::vector(9, options))));
  CHECK_FALSE(quoted(error_behind({later_fragment})));
  CHECK_FALSE(quoted(error_behind({options, first_fragment}, {0x90, 0x01, 0x01})));
}

TEST_CASE("an error about a packet that its receiver did not send names nothing") {
  CHECK_FALSE(quoted(error4(ipv4(kServer4, kOurs4, 6) + kPorts)));
  CHECK_FALSE(quoted(error4(ipv4(kRouter4, kServer4, 6) + kPorts)));
}

TEST_CASE("a quote that is cut anywhere before its ports' end names nothing") {
  const Bytes whole = error4(ipv4(kOurs4, kServer4, 6) + kPorts);
  REQUIRE(quoted(whole));
  for (std::size_t length = 14 + 20 + 8; length < whole.size(); ++length) {
    CAPTURE(length);
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK_FALSE(quoted(cut));
  }
}

TEST_CASE("what is no error, and quotes without ports to read, name nothing") {
  CHECK_FALSE(quoted(error4(ipv4(kOurs4, kServer4, 6) + kPorts, 8)));
  CHECK_FALSE(quoted(error4(ipv4(kOurs4, kServer4, 6, 1) + kPorts)));   // a later fragment
  CHECK_FALSE(quoted(error4(ipv4(kOurs4, kServer4, 132) + kPorts)));    // SCTP has no sessions here
  CHECK_FALSE(quoted(error4(ipv4(kOurs4, kServer4, 58) + icmp(128))));  // ICMPv6 in IPv4
  Bytes short_header = ipv4(kOurs4, kServer4, 6);
  short_header[0] = 0x44;
  CHECK_FALSE(quoted(error4(short_header + kPorts)));
  Bytes other_version = ipv4(kOurs4, kServer4, 6);
  other_version[0] = 0x65;
  CHECK_FALSE(quoted(error4(other_version + kPorts)));
}

}  // namespace nicsentry::quoted_session_test
