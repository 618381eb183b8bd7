// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/capture/duplicates.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/capture/capture_builder.h"

namespace nicsentry::duplicates_test {
namespace {

using namespace capture_test;

Octets changed(Octets packet, std::size_t at) {
  packet[at] ^= 1;
  return packet;
}

TEST_CASE("a packet with the same headers within 100 us is the same packet") {
  for (const std::uint16_t type : {std::uint16_t{0x0800}, std::uint16_t{0x86dd}}) {
    INFO(type);
    const Octets packet = type == 0x0800 ? ipv4_packet() : ipv6_packet();
    const Octets frame = ethernet_frame(type, packet);
    Duplicates duplicates;
    CHECK_FALSE(duplicates.seen_before(1'000'000, frame));
    CHECK(duplicates.seen_before(1'010'000, frame));
    CHECK(duplicates.seen_before(1'100'000, frame));
    CHECK_FALSE(duplicates.seen_before(1'100'001, frame));
    CHECK(duplicates.seen_before(
        1'100'001, ethernet_frame(0x8100, number(7, 2, Order::big) + number(type, 2, Order::big) + packet)));
    const std::size_t time_to_live = type == 0x0800 ? 8 : 7;
    CHECK(duplicates.seen_before(1'100'002, ethernet_frame(type, changed(packet, time_to_live))));
    CHECK_FALSE(duplicates.seen_before(500, frame));
  }
}

TEST_CASE("packets that differ in an identification, a length or a header are several") {
  Duplicates duplicates;
  CHECK_FALSE(duplicates.seen_before(1, ethernet_frame(0x0800, ipv4_packet())));
  for (const std::size_t at : {3U, 5U, 13U, 19U, 21U, 23U, 25U, 27U}) {
    INFO(at);
    CHECK_FALSE(duplicates.seen_before(1, ethernet_frame(0x0800, changed(ipv4_packet(), at))));
  }
  CHECK(duplicates.seen_before(1, ethernet_frame(0x0800, changed(ipv4_packet(), 28))));  // payload
}

TEST_CASE("packets that have no session are told apart by the eight bytes behind the IP header") {
  Octets packet = ipv4_packet();
  packet[9] = 50;  // ESP: its number and sequence
  Duplicates duplicates;
  CHECK_FALSE(duplicates.seen_before(1, ethernet_frame(0x0800, packet)));
  for (const std::size_t at : {20U, 27U}) {
    INFO(at);
    CHECK_FALSE(duplicates.seen_before(1, ethernet_frame(0x0800, changed(packet, at))));
  }
  CHECK(duplicates.seen_before(1, ethernet_frame(0x0800, changed(packet, 28))));
}

TEST_CASE("of packets of one time the last 65536 are remembered") {
  Octets packet = ipv4_packet();
  const auto numbered = [&packet](std::uint32_t i) {
    const Octets addresses = number(i, 4, Order::big);
    std::copy(addresses.begin(), addresses.end(), packet.begin() + 12);
    return ethernet_frame(0x0800, packet);
  };
  Duplicates duplicates;
  for (std::uint32_t i = 0; i < 65536; ++i) REQUIRE_FALSE(duplicates.seen_before(1, numbered(i)));
  CHECK(duplicates.seen_before(1, numbered(1)));
  CHECK_FALSE(duplicates.seen_before(1, numbered(0)));
}

TEST_CASE("frames without IP, or cut within its header, are never the same") {
  Duplicates duplicates;
  for (const Octets& frame :
       {ethernet_frame(0x0806, Octets(28)), ethernet_frame(0x0800, Octets(19, 0x45)), Octets(5)}) {
    CHECK_FALSE(duplicates.seen_before(1, frame));
    CHECK_FALSE(duplicates.seen_before(1, frame));
  }
}

}  // namespace
}  // namespace nicsentry::duplicates_test
