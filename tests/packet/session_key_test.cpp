// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>

#include <catch2/catch.hpp>
#include <string>
#include <unordered_set>

#include "host/base/error.h"
#include "host/packet/session_key.h"

namespace nicsentry::packet_session_key_test {
namespace {

IpAddress address(const std::string& text) {
  IpAddress address;
  address.version = text.find(':') == std::string::npos ? 4 : 6;
  REQUIRE(inet_pton(address.version == 6 ? AF_INET6 : AF_INET, text.c_str(), address.bytes.data()) == 1);
  return address;
}

struct OrderCase {
  const char* why;
  const char* lower_address;
  std::uint16_t lower_port;
  const char* higher_address;
  std::uint16_t higher_port;
};

// Raw words are read little-endian, so the last byte of each word weighs most.
const OrderCase kOrders[] = {
    {"the last byte of an IPv4 address decides first", "10.0.0.1", 1, "1.0.0.2", 1},
    {"then the third", "9.9.1.5", 1, "1.1.2.5", 1},
    {"the first only when all others are equal", "9.1.1.1", 1, "10.1.1.1", 1},
    {"bytes are compared without a sign", "1.1.1.127", 1, "1.1.1.128", 1},
    {"ports do not matter where addresses differ", "10.0.0.1", 9, "10.0.0.2", 8},
    {"equal addresses: the low byte of the port weighs most", "10.0.0.1", 0x0201, "10.0.0.1", 0x0102},
    {"equal addresses and low bytes: the high byte", "10.0.0.1", 0x0105, "10.0.0.1", 0x0205},
    {"the first word of an IPv6 address decides first", "2001:0:ffff::", 1, "2001:1::", 1},
    {"within it the last byte", "ff01:1::", 1, "0001:2::", 1},
    {"then the second word", "2001:db8:ffff:1::1", 1, "2001:db8:0:2::", 1},
    {"the last word only when all others are equal", "2001:db8::1", 1, "2001:db8::2", 1},
    {"equal IPv6 addresses: the ports", "2001:db8::1", 0x0201, "2001:db8::1", 0x0102},
};

}  // namespace

TEST_CASE("the lower end is the one with the lower raw words, then the lower raw port, whoever sends") {
  for (const OrderCase& row : kOrders) {
    CAPTURE(row.why);
    const Endpoint lower{address(row.lower_address), row.lower_port};
    const Endpoint higher{address(row.higher_address), row.higher_port};
    const DirectedKey up = normalise(lower, higher, Protocol::tcp);
    const DirectedKey down = normalise(higher, lower, Protocol::tcp);
    CHECK(up.key.lower.address.text() == lower.address.text());
    CHECK(up.key.lower.port == lower.port);
    CHECK((up.key.lower == lower && up.key.higher == higher));
    CHECK(up.direction == Direction::from_lower);
    CHECK((down.key == up.key));
    CHECK(down.direction == Direction::from_higher);
  }
}

TEST_CASE("a packet whose two ends are equal comes from the lower one") {
  const Endpoint both{address("127.0.0.1"), 53};
  CHECK(normalise(both, both, Protocol::udp).direction == Direction::from_lower);
}

TEST_CASE("raw words and ports are what a little-endian machine reads from the packet") {
  CHECK(address("1.2.3.4").raw_words() == std::array<std::uint32_t, 4>{0x04030201, 0, 0, 0});
  CHECK(address("2001:db8:1:2:3:4:5:6").raw_words() ==
        std::array<std::uint32_t, 4>{0xb80d0120, 0x02000100, 0x04000300, 0x06000500});
  CHECK(Endpoint{address("1.2.3.4"), 443}.raw_port() == 0xbb01);
}

TEST_CASE("addresses are written as dotted quads and as RFC 5952 says") {
  CHECK(address("192.0.2.255").text() == "192.0.2.255");
  CHECK(address("2001:0db8:0:0:0:0:0:0001").text() == "2001:db8::1");
  CHECK(address("::").text() == "::");
}

TEST_CASE("protocols have their names, and an unknown number is an error that says it") {
  CHECK(protocol_name(Protocol::tcp) == std::string("TCP"));
  CHECK(protocol_name(Protocol::udp) == std::string("UDP"));
  CHECK(protocol_name(Protocol::icmp) == std::string("ICMP"));
  CHECK(protocol_name(Protocol::icmpv6) == std::string("ICMPv6"));
  CHECK_THROWS_WITH(protocol_name(Protocol{132}), Catch::Contains("132"));
}

TEST_CASE("keys that differ in one part have different hashes, equal keys the same") {
  const Endpoint a{address("2001:db8::1"), 40000};
  const Endpoint b{address("2001:db8::2"), 443};
  const SessionKey key = normalise(a, b, Protocol::tcp).key;
  std::unordered_set<std::size_t> hashes{SessionKeyHash{}(key)};
  SessionKey other = key;
  CHECK(hashes.count(SessionKeyHash{}(other)) == 1);
  std::size_t kinds = 1;
  const auto expect_another_hash = [&](const SessionKey& changed) {
    hashes.insert(SessionKeyHash{}(changed));
    CHECK(hashes.size() == ++kinds);
  };
  for (std::size_t i = 0; i < key.lower.address.bytes.size(); ++i) {
    CAPTURE(i);
    other = key;
    other.lower.address.bytes[i] ^= 0x80;
    expect_another_hash(other);
    other = key;
    other.higher.address.bytes[i] ^= 0x80;
    expect_another_hash(other);
  }
  other = key;
  other.protocol = Protocol::udp;
  expect_another_hash(other);
  other = key;
  other.lower.port ^= 1;
  expect_another_hash(other);
  other = key;
  other.higher.port ^= 1;
  expect_another_hash(other);
  other = key;
  other.lower.address.version = 4;
  other.higher.address.version = 4;
  expect_another_hash(other);
}

}  // namespace nicsentry::packet_session_key_test
