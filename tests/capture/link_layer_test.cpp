// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/capture/capture_file.h"
#include "tests/capture/capture_builder.h"

namespace nicsentry::link_layer_test {
namespace {

using namespace capture_test;

// The first frame of a capture that has only this one.
Octets read_one(std::uint32_t link_type, const Octets& frame, Order order, Tunnels tunnels, std::uint32_t& wire_bytes) {
  const TemporaryDirectory directory;
  CaptureFile file(
      directory.write("capture.pcap", classic_header(link_type, order) + classic_packet(1, 0, frame, order)), tunnels);
  CapturedFrame read;
  REQUIRE(file.next(read));
  wire_bytes = read.wire_bytes;
  return {read.bytes.begin(), read.bytes.end()};
}

struct LinkCase {
  const char* what;
  std::uint32_t link_type;
  Octets header;
  std::uint16_t ethertype;
  Order order = Order::little;
};

Octets big16(std::uint16_t value) { return number(value, 2, Order::big); }

const Octets kSnap = {0xaa, 0xaa, 3, 0, 0, 0};
const Octets kWireless = Octets{0x08, 0x01} + Octets(22);

std::vector<LinkCase> link_cases() {
  const Octets in_ppi = Octets{0, 0, 8, 0} + numbers32({192});
  const Octets raw_in_ppi = Octets{0, 0, 8, 0} + numbers32({101});
  const Octets attribute = number(8, 2, Order::little) + number(3, 2, Order::little) + Octets(4);
  const Octets big_attribute = number(5, 2, Order::big) + number(3, 2, Order::big) + Octets(4);
  return {
      {"NULL, little-endian", 0, numbers32({2}), 0x0800},
      {"NULL, big-endian", 0, numbers32({2}, Order::big), 0x0800},
      {"NULL, IPv6 of Linux", 0, numbers32({10}), 0x86dd},
      {"NULL, IPv6 of NetBSD", 0, numbers32({24}), 0x86dd},
      {"NULL, IPv6 of FreeBSD", 0, numbers32({28}), 0x86dd},
      {"NULL, IPv6 of macOS", 0, numbers32({30}), 0x86dd},
      {"NULL, AppleTalk", 0, numbers32({16}), 0},
      {"NULL, a large number", 0, numbers32({0x1000002}), 0},
      {"LOOP", 108, numbers32({2}, Order::big), 0x0800},
      {"LOOP, IPv6 of OpenBSD", 108, numbers32({24}, Order::big), 0x86dd},
      {"PPP with address and control", 9, {0xff, 3, 0, 0x21}, 0x0800},
      {"PPP without", 9, {0, 0x57}, 0x86dd},
      {"PPP, compressed", 9, {0x21}, 0x0800},
      {"PPP, LCP", 9, {0xff, 3, 0xc0, 0x21}, 0},
      {"PPP_SERIAL", 50, {0xff, 3, 0, 0x21}, 0x0800},
      {"PPP_SERIAL with Cisco's HDLC", 50, {0x0f, 0, 0x86, 0xdd}, 0x86dd},
      {"PPP_ETHER", 51, {0x11, 0, 0, 9, 0, 34, 0, 0x21}, 0x0800},
      {"C_HDLC", 104, {0x0f, 0, 0x08, 0x00}, 0x0800},
      {"C_HDLC, keep-alive", 104, {0x8f, 0, 0x80, 0x35}, 0x8035},
      {"raw", 101, {}, 0x0800},
      {"raw, old number", 12, {}, 0x0800},
      {"IPv4", 228, {}, 0x0800},
      {"IPv6", 229, {}, 0x86dd},
      {"SLL", 113, Octets(14) + big16(0x0800), 0x0800},
      {"SLL2", 276, big16(0x86dd) + Octets(18), 0x86dd},
      {"PPI with 802.11", 192, Octets{0, 0, 8, 0, 105, 0, 0, 0} + kWireless + kSnap + big16(0x0800), 0x0800},
      {"PPI with NULL and fields", 192, Octets{0, 0, 20, 0} + numbers32({0}) + Octets(12) + numbers32({2}), 0x0800},
      {"PPI of an unknown link type", 192, Octets{0, 0, 8, 0} + numbers32({187}), 0},
      {"PPI four times", 192, in_ppi + in_ppi + in_ppi + raw_in_ppi, 0x0800},
      {"PPI five times", 192, in_ppi + in_ppi + in_ppi + in_ppi + raw_in_ppi, 0},
      {"PPI shorter than its header", 192, Octets{0, 0, 4, 0} + numbers32({0}), 0},
      {"PPI longer than the frame", 192, Octets{0, 0, 0xff, 0xff} + numbers32({0}), 0},
      {"NFLOG", 239, Octets{2, 0, 0, 5} + attribute + number(36, 2, Order::little) + number(9, 2, Order::little),
       0x0800},
      {"NFLOG of a big-endian system", 239,
       Octets{2, 0, 0, 5} + big_attribute + number(36, 2, Order::big) + number(9, 2, Order::big), 0x0800, Order::big},
      {"NFLOG without a packet", 239, Octets{2, 0, 0, 5} + attribute + Octets(4), 0},
      {"PKTAP with raw IP", 258, numbers32({108, 1, 12}) + Octets(96), 0x0800},
      {"PKTAP without a packet", 258, numbers32({108, 0, 12}) + Octets(96), 0},
      {"802.11", 105, kWireless + kSnap + big16(0x0800), 0x0800},
      {"802.11 QoS", 105, Octets{0x88, 0x02} + Octets(22) + Octets(2) + kSnap + big16(0x86dd), 0x86dd},
      {"802.11 QoS with HT control", 105, Octets{0x88, 0x82} + Octets(22) + Octets(6) + kSnap + big16(0x0800), 0x0800},
      {"802.11 with four addresses", 105, Octets{0x08, 0x03} + Octets(28) + kSnap + big16(0x0800), 0x0800},
      {"802.11, encrypted", 105, Octets{0x08, 0x41} + Octets(22) + kSnap + big16(0x0800), 0},
      {"802.11, A-MSDU", 105, Octets{0x88, 0x02} + Octets(22) + Octets{0x80, 0} + kSnap + big16(0x0800), 0},
      {"802.11, null data", 105, Octets{0x48, 0x01} + Octets(22) + kSnap + big16(0x0800), 0},
      {"802.11, association request", 105, Octets{0x00, 0} + Octets(22) + kSnap + big16(0x0800), 0},
      {"radiotap", 127, Octets{0, 0, 8, 0} + numbers32({0}) + kWireless + kSnap + big16(0x0800), 0x0800},
      {"radiotap with a time, flags and padding", 127,
       Octets{0, 0, 28, 0} + numbers32({0x80000003, 0x80000000, 0}) + Octets(8) + Octets{0x20, 0, 0, 0} +
           Octets{0x88, 0x02} + Octets(22) + Octets(2) + Octets(2) + kSnap + big16(0x0800),
       0x0800},
      {"radiotap longer than the frame", 127, Octets{0, 0, 0xff, 0xff} + numbers32({0}), 0},
  };
}

TEST_CASE("the IP packet behind the header of a known link type is an Ethernet frame") {
  for (const LinkCase& one : link_cases()) {
    INFO(one.what);
    const Octets packet = one.ethertype == 0x86dd ? ipv6_packet() : ipv4_packet();
    std::uint32_t wire_bytes = 0;
    const Octets read = read_one(one.link_type, one.header + packet, one.order, Tunnels::kept, wire_bytes);
    REQUIRE(read.size() >= 14);
    CHECK(read[12] * 256 + read[13] == one.ethertype);
    CHECK(wire_bytes == read.size());
    if (one.ethertype == 0x0800 || one.ethertype == 0x86dd) {
      CHECK(Octets(read.begin() + 14, read.end()) == packet);
    }
  }
}

TEST_CASE("an Ethernet frame behind PPI or PKTAP is read as it is") {
  const Octets frame = ethernet_frame(0x0800, ipv4_packet());
  std::uint32_t wire_bytes = 0;
  CHECK(read_one(192, Octets{0, 0, 8, 0, 1, 0, 0, 0} + frame, Order::little, Tunnels::kept, wire_bytes) == frame);
  CHECK(wire_bytes == frame.size());
  const Octets pktap = numbers32({108, 1, 1}) + Octets(96);
  CHECK(read_one(258, pktap + frame, Order::little, Tunnels::kept, wire_bytes) == frame);
}

TEST_CASE("a frame of a known link type that is cut anywhere is read, and is no longer than before") {
  for (const LinkCase& one : link_cases()) {
    const Octets whole = one.header + ipv4_packet();
    for (std::size_t length = 0; length <= whole.size(); ++length) {
      INFO(one.what << ", " << length << " bytes");
      std::uint32_t wire_bytes = 0;
      const Octets read = read_one(one.link_type, Octets(whole.begin(), whole.begin() + static_cast<long>(length)),
                                   one.order, Tunnels::stepped_over, wire_bytes);
      CHECK(read.size() <= length + 14);
      CHECK(wire_bytes >= read.size());
    }
  }
}

TEST_CASE("PPPoE and MPLS in front of IP are stepped over on wish, behind tags, too") {
  const Octets pppoe = {0x11, 0, 0, 9, 0, 34, 0, 0x21};
  const Octets label = {0, 1, 0, 64};
  const Octets bottom = {0, 2, 1, 64};
  const Octets tag = big16(0x0007) + big16(0x8864);
  struct TunnelCase {
    const char* what;
    std::uint16_t type;
    Octets headers;
    Octets kept;  // of the headers
    bool stepped;
  };
  for (const TunnelCase& one : std::vector<TunnelCase>{
           {"PPPoE", 0x8864, pppoe, {}, true},
           {"PPPoE discovery", 0x8863, pppoe, {}, false},
           {"PPPoE, LCP", 0x8864, {0x11, 0, 0, 9, 0, 34, 0xc0, 0x21}, {}, false},
           {"PPPoE in a VLAN", 0x8100, tag + pppoe, big16(0x0007) + big16(0x0800), true},
           {"MPLS", 0x8847, bottom, {}, true},
           {"MPLS, three labels", 0x8848, label + label + bottom, {}, true},
           {"MPLS without a bottom", 0x8847, label, {}, false},
           {"MPLS with Ethernet behind it", 0x8847, bottom + Octets{0, 0, 0, 0}, {}, false},
       }) {
    INFO(one.what);
    const Octets frame = ethernet_frame(one.type, one.headers + ipv4_packet());
    const Octets stepped =
        one.kept.empty() ? ethernet_frame(0x0800, ipv4_packet()) : ethernet_frame(one.type, one.kept + ipv4_packet());
    std::uint32_t wire_bytes = 0;
    CHECK(read_one(1, frame, Order::little, Tunnels::kept, wire_bytes) == frame);
    CHECK(read_one(1, frame, Order::little, Tunnels::stepped_over, wire_bytes) == (one.stepped ? stepped : frame));
    CHECK(wire_bytes == (one.stepped ? stepped : frame).size());
  }
}

}  // namespace
}  // namespace nicsentry::link_layer_test
