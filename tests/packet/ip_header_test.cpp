// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/packet/ip_header.h"

#include <catch2/catch.hpp>
#include <span>
#include <vector>

#include "host/packet/tcp_flags.h"
#include "tests/support/packet_builder.h"

namespace nicsentry::ip_header_test {
namespace {

using testing::Bytes;
using testing::changed;
using testing::cut;
using testing::PacketBuilder;

IpAddress address4(std::uint8_t last) {
  IpAddress address;
  address.bytes = {192, 0, 2, last};
  return address;
}

IpAddress address6(std::uint8_t last) {
  IpAddress address;
  address.version = 6;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8};
  address.bytes[15] = last;
  return address;
}

PacketBuilder v4() { return PacketBuilder().addresses(address4(1), address4(2)).tcp(1000, 443); }
PacketBuilder v6() { return PacketBuilder().addresses(address6(1), address6(2)).tcp(1000, 443); }

// The bytes behind the Ethernet header of a frame without tags.
Bytes ip_of(const PacketBuilder& builder) {
  const Bytes frame = builder.build();
  return {frame.begin() + 14, frame.end()};
}

TransportPosition transport_of(const Bytes& ip, std::size_t limit) {
  const auto view = IpView::read(ip, ip[0] >> 4U);
  REQUIRE(view);
  return view->transport(limit);
}

}  // namespace

TEST_CASE("the VLANs of a frame are those of its first two tags that name one") {
  const auto vlans_of = [](const std::vector<std::uint16_t>& tags) {
    Bytes frame(12, 2);
    for (const std::uint16_t tag : tags) {
      frame.insert(frame.end(), {0x81, 0x00, static_cast<std::uint8_t>(tag >> 8), static_cast<std::uint8_t>(tag)});
    }
    frame.insert(frame.end(), {0x08, 0x00});
    return find_ip(frame).vlans.text();
  };
  CHECK(vlans_of({}) == "");
  CHECK(vlans_of({10}) == "10");
  CHECK(vlans_of({0xe00a}) == "10");  // priority 7
  CHECK(vlans_of({0x6000}) == "");    // a priority only
  CHECK(vlans_of({0, 20}) == "20");
  CHECK(vlans_of({10, 4095}) == "10.4095");
  CHECK(vlans_of({10, 20, 30}) == "10.20");
}

TEST_CASE("the IP header begins behind at most eight VLAN tags") {
  CHECK(find_ip(v4().build()).offset == 14);
  CHECK(find_ip(v4().build()).version == 4);
  CHECK(find_ip(v6().vlan(0x8100).build()).offset == 18);
  CHECK(find_ip(v6().vlan(0x8100).build()).version == 6);
  CHECK(find_ip(v4().vlan(0x88a8).vlan(0x8100).build()).offset == 22);
  CHECK(find_ip(v4().vlan(0x9100).vlan(0x9200).vlan(0x9300).build()).offset == 26);
  PacketBuilder eight = v4();
  for (int i = 0; i < 8; ++i) eight.vlan(0x8100);
  CHECK(find_ip(eight.build()).offset == 46);
  CHECK(find_ip(eight.vlan(0x8100).build()).version == 0);
  CHECK(find_ip(PacketBuilder().ethertype(0x0806).payload(28).build()).version == 0);
  CHECK(find_ip({}).version == 0);
}

TEST_CASE("a packet without an Ethernet header gets one that says its family") {
  const auto found = [](const Bytes& ip) {
    const EthernetHeader header = ethernet_header_for(ip);
    Bytes frame(header.begin(), header.end());
    frame.insert(frame.end(), ip.begin(), ip.end());
    return find_ip(frame);
  };
  CHECK(found(ip_of(v4())).version == 4);
  CHECK(found(ip_of(v4())).offset == 14);
  CHECK(found(ip_of(v6())).version == 6);
  CHECK(found(Bytes{0x50, 0, 0, 0}).version == 0);
  CHECK(found(Bytes{}).version == 0);
}

TEST_CASE("a tag is put in behind the addresses") {
  Bytes frame = v4().build();
  const VlanTag tag = vlan_tag(0xabc);
  frame.insert(frame.begin() + kTagOffset, tag.begin(), tag.end());
  CHECK(find_ip(frame).version == 4);
  CHECK(find_ip(frame).offset == 18);
  CHECK(find_ip(frame).vlans == VlanIds{0xabc, 0});
}

TEST_CASE("a frame that ends before its EtherType is not IP, and reach says how much is missing") {
  const Bytes frame = v4().vlan(0x88a8).vlan(0x8100).build();
  for (std::size_t length = 0; length < 22; ++length) {
    CAPTURE(length);
    const IpPosition found = find_ip(cut(frame, length));
    CHECK(found.version == 0);
    CHECK(found.reach == (length < 14 ? 14U : length < 18 ? 18U : 22U));
  }
  CHECK(find_ip(cut(frame, 22)).version == 4);
}

TEST_CASE("what an IPv4 header says") {
  const Bytes ip = ip_of(v4().options(3).payload(10).ipv4_fragment(0, true));
  const auto view = IpView::read(ip, 4);
  REQUIRE(view);
  CHECK(view->version() == 4);
  CHECK(view->source() == address4(1));
  CHECK(view->destination() == address4(2));
  CHECK(view->protocol() == 6);
  CHECK(view->header_bytes() == 32);
  CHECK(view->total_bytes() == 62);
  CHECK(view->flags_fragment() == 0x2000);
  CHECK_FALSE(view->has_jumbo_option());
}

TEST_CASE("what an IPv6 header says") {
  const Bytes ip = ip_of(v6().extension(60).payload(10));
  const auto view = IpView::read(ip, 6);
  REQUIRE(view);
  CHECK(view->source() == address6(1));
  CHECK(view->destination() == address6(2));
  CHECK(view->protocol() == 60);
  CHECK(view->header_bytes() == 40);
  CHECK(view->total_bytes() == 78);
  CHECK(view->flags_fragment() == 0);
  CHECK_FALSE(view->has_jumbo_option());
}

TEST_CASE("a jumbo option is a hop-by-hop header of a packet whose length field is 0") {
  const Bytes option = changed(ip_of(v6().extension(0)), 4, {0, 0});
  CHECK(IpView::read(option, 6)->has_jumbo_option());
  CHECK_FALSE(IpView::read(ip_of(v6().extension(0)), 6)->has_jumbo_option());
  CHECK_FALSE(IpView::read(changed(ip_of(v6().extension(60)), 4, {0, 0}), 6)->has_jumbo_option());
}

TEST_CASE("a header that is cut, of another version, or shorter than an IPv4 header can be is not read") {
  const Bytes ip4 = ip_of(v4());
  const Bytes ip6 = ip_of(v6());
  CHECK_FALSE(IpView::read(cut(ip4, 19), 4));
  CHECK(IpView::read(cut(ip4, 20), 4));
  CHECK_FALSE(IpView::read(cut(ip6, 39), 6));
  CHECK(IpView::read(cut(ip6, 40), 6));
  CHECK_FALSE(IpView::read(ip4, 6));
  CHECK_FALSE(IpView::read(ip6, 4));
  CHECK_FALSE(IpView::read(changed(ip4, 0, {0x44}), 4));
}

TEST_CASE("the transport header stands behind options or at most eight extension headers") {
  CHECK(transport_of(ip_of(v4()), 1000).offset == 20);
  CHECK(transport_of(ip_of(v4().options(10)), 1000).offset == 60);
  const TransportPosition none = transport_of(ip_of(v6()), 1000);
  CHECK(none.offset == 40);
  CHECK(none.protocol == 6);
  const TransportPosition four =
      transport_of(ip_of(v6().extension(0).extension(43, 2).ipv6_fragment(0, true).extension(60)), 1000);
  CHECK(four.offset == 40 + 8 + 24 + 8 + 8);
  CHECK(four.protocol == 6);
  CHECK_FALSE(four.later_fragment);
  CHECK_FALSE(four.cut);
  CHECK(four.first_fragment);
  PacketBuilder eight = v6();
  for (int i = 0; i < 8; ++i) eight.extension(i == 0 ? 0 : 60);
  CHECK(transport_of(ip_of(eight), 1000).offset == 104);
  CHECK(transport_of(ip_of(eight), 1000).protocol == 6);
  const TransportPosition nine = transport_of(ip_of(eight.extension(43)), 1000);
  CHECK(nine.offset == 104);
  CHECK(nine.protocol == 43);
  // The length of an authentication header is in units of 4 bytes.
  CHECK(transport_of(ip_of(v6().extension(51, 2)), 1000).offset == 56);
}

TEST_CASE("the length byte of a fragment header is reserved, and not read as a length") {
  const Bytes ip = changed(ip_of(v6().ipv6_fragment(0, true)), 41, {9});
  CHECK(transport_of(ip, 1000).offset == 48);
}

TEST_CASE("a later fragment has no transport header; its protocol is the one behind the fragment header") {
  CHECK(transport_of(ip_of(v4().ipv4_fragment(1, false)), 1000).later_fragment);
  CHECK_FALSE(transport_of(ip_of(v4().ipv4_fragment(0, true)), 1000).later_fragment);
  const TransportPosition later = transport_of(ip_of(v6().extension(0).ipv6_fragment(1, false).extension(60)), 1000);
  CHECK(later.later_fragment);
  CHECK(later.protocol == 60);
  CHECK(later.offset == 48);
}

TEST_CASE("a header that ends beyond the limit is cut, wherever the limit is") {
  const Bytes options = ip_of(v4().options(3));
  CHECK(transport_of(options, 31).cut);
  CHECK_FALSE(transport_of(options, 32).cut);
  CHECK(transport_of(cut(options, 31), 1000).cut);
  const Bytes extended = ip_of(v6().extension(0, 1).extension(60));
  for (std::size_t limit = 40; limit < 64; ++limit) {
    CAPTURE(limit);
    const TransportPosition at = transport_of(extended, limit);
    CHECK(at.cut);
    CHECK(at.reach > limit);
    CHECK(at.protocol == (limit < 48 ? 0 : 60));
  }
  CHECK_FALSE(transport_of(extended, 64).cut);
}

TEST_CASE("extension headers are those of IANA's list but ESP") {
  for (unsigned protocol = 0; protocol < 256; ++protocol) {
    CAPTURE(protocol);
    const bool expected = protocol == 0 || protocol == 43 || protocol == 44 || protocol == 51 || protocol == 60 ||
                          protocol == 135 || protocol == 139 || protocol == 140;
    CHECK(is_extension(static_cast<std::uint8_t>(protocol)) == expected);
  }
}

TEST_CASE("a plain SYN has the flag SYN, none of ACK, RST and FIN, and any of the others") {
  for (unsigned flags = 0; flags < 256; ++flags) {
    CAPTURE(flags);
    const bool syn = (flags & 0x02U) != 0;
    const bool others = (flags & 0x01U) != 0 || (flags & 0x04U) != 0 || (flags & 0x10U) != 0;
    CHECK(is_plain_syn(static_cast<std::uint8_t>(flags)) == (syn && !others));
  }
}

TEST_CASE("an unknown TCP connection begins with a plain SYN, and if it is picked up loosely with an ACK") {
  for (unsigned flags = 0; flags < 256; ++flags) {
    CAPTURE(flags);
    const auto byte = static_cast<std::uint8_t>(flags);
    const bool ack = (flags & 0x17U) == 0x10U;
    CHECK(can_begin(byte, TcpPickup::strict) == is_plain_syn(byte));
    CHECK(can_begin(byte, TcpPickup::loose) == (is_plain_syn(byte) || ack));
  }
}

}  // namespace nicsentry::ip_header_test
