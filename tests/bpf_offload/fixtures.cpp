// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bpf_offload/fixtures.h"

#include <algorithm>
#include <utility>

namespace nicsentry::testing {

IpAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress address;
  address.bytes = {a, b, c, d};
  return address;
}

IpAddress ipv6(std::uint8_t last) {
  IpAddress address;
  address.version = 6;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8};
  address.bytes[15] = last;
  return address;
}

namespace {

constexpr std::uint16_t kClient = 40000;
constexpr std::uint16_t kServer = 443;
// Where headers begin in a frame without tags.
constexpr std::size_t kIp = 14;
constexpr std::size_t kAfterIpv4 = 34;
constexpr std::size_t kAfterIpv6 = 54;

PacketBuilder v4() { return PacketBuilder().addresses(ipv4(192, 0, 2, 9), ipv4(10, 0, 0, 1)); }
PacketBuilder v6() { return PacketBuilder().addresses(ipv6(1), ipv6(2)); }
PacketBuilder v4_tcp() { return v4().tcp(kClient, kServer).payload(10); }
PacketBuilder v6_tcp() { return v6().tcp(kClient, kServer).payload(10); }
PacketBuilder v6_udp() { return v6().udp(kClient, kServer).payload(10); }

Reading understood(bool is_v6, Protocol protocol, std::uint32_t bytes, std::size_t transport_offset) {
  Reading reading;
  reading.bytes = bytes;
  reading.protocol = protocol;
  reading.transport_offset = transport_offset;
  reading.source.address = is_v6 ? ipv6(1) : ipv4(192, 0, 2, 9);
  reading.destination.address = is_v6 ? ipv6(2) : ipv4(10, 0, 0, 1);
  if (protocol == Protocol::tcp || protocol == Protocol::udp) {
    reading.source.port = kClient;
    reading.destination.port = kServer;
  }
  return reading;
}

Reading not_read(not_understood cause, std::uint32_t bytes) {
  Reading reading;
  reading.cause = cause;
  reading.bytes = bytes;
  return reading;
}

void add_understood(std::vector<Fixture>& table) {
  const auto tcp = Protocol::tcp;
  const auto udp = Protocol::udp;
  table.insert(
      table.end(),
      {
          {"TCP over IPv4", v4_tcp().build(), understood(false, tcp, 50, 20)},
          {"TCP over IPv6", v6_tcp().build(), understood(true, tcp, 70, 40)},
          {"UDP over IPv4", v4().udp(kClient, kServer).payload(10).build(), understood(false, udp, 38, 20)},
          {"UDP over IPv6", v6_udp().build(), understood(true, udp, 58, 40)},
          {"UDP without payload", v4().udp(kClient, kServer).build(), understood(false, udp, 28, 20)},
          {"ICMP", v4().icmp().payload(56).build(), understood(false, Protocol::icmp, 84, 20), true},
          {"ICMPv6", v6().icmpv6().payload(56).build(), understood(true, Protocol::icmpv6, 104, 40), true},
          {"TCP with options", v4().tcp(kClient, kServer, 10).build(), understood(false, tcp, 80, 20)},
          {"one 802.1Q tag", v4_tcp().vlan(0x8100).build(), understood(false, tcp, 50, 20)},
          {"one 802.1ad tag", v6_tcp().vlan(0x88a8).build(), understood(true, tcp, 70, 40)},
          {"a tag in a tag", v4_tcp().vlan(0x88a8).vlan(0x8100).build(), understood(false, tcp, 50, 20)},
          {"two 802.1Q tags", v6_udp().vlan(0x8100).vlan(0x8100).build(), understood(true, udp, 58, 40)},
          {"one word of IPv4 options", v4_tcp().options(1).build(), understood(false, tcp, 54, 24)},
          {"ten words of IPv4 options", v4_tcp().options(10).build(), understood(false, tcp, 90, 60)},
          {"the frame is padded", v4().udp(kClient, kServer).padding(18).build(), understood(false, udp, 28, 20)},
          {"longer than an event takes", v4_tcp().payload(1400).build(), understood(false, tcp, 1440, 20)},
          {"exactly as long as an event takes", v4_tcp().payload(74).build(), understood(false, tcp, 114, 20)},
          {"the first fragment over IPv4 has ports", v4_tcp().ipv4_fragment(0, true).build(),
           understood(false, tcp, 50, 20)},
          {"the first fragment over IPv6 has ports", v6_tcp().ipv6_fragment(0, true).build(),
           understood(true, tcp, 78, 48)},
          {"one extension header", v6_tcp().extension(0).build(), understood(true, tcp, 78, 48)},
          {"two extension headers", v6_tcp().extension(0).extension(60, 1).build(), understood(true, tcp, 94, 64)},
          {"three extension headers", v6_udp().extension(0).extension(43).extension(60).build(),
           understood(true, udp, 82, 64)},
          {"four extension headers",
           v6_tcp().extension(0).extension(60).extension(43, 2).ipv6_fragment(0, false).build(),
           understood(true, tcp, 118, 88)},
          {"extension headers beyond an event's usual bytes", v6_tcp().extension(0, 20).payload(300).build(),
           understood(true, tcp, 528, 208)},
          {"a transport header at the last place that is walked", v6_udp().extension(60, 53).build(),
           understood(true, udp, 490, 472)},
          {"a transport header just beyond the walk", v6_udp().extension(60, 53).extension(60).build(),
           not_read(CAUSE_EXTENSIONS, 498)},
      });
}

// Frames that the host's programs read and the card's do not.
void add_longer_walks(std::vector<Fixture>& table) {
  const auto tcp = Protocol::tcp;
  const auto udp = Protocol::udp;
  PacketBuilder eight_tags = v4_tcp();
  PacketBuilder nine_tags = v4_tcp().vlan(0x88a8);
  PacketBuilder nine_tags6 = v6_udp().vlan(0x8100);
  PacketBuilder twelve_tags = v4_tcp().vlan(0x8100).vlan(0x88a8).vlan(0x8100).vlan(0x8100);
  PacketBuilder eight_options = v6_tcp();
  PacketBuilder nine_options = v6_tcp().extension(0);
  for (int i = 0; i < 8; ++i) {
    eight_tags.vlan(0x8100);
    nine_tags.vlan(0x8100);
    nine_tags6.vlan(0x88a8);
    twelve_tags.vlan(0x8100);
    eight_options.extension(60);
    nine_options.extension(60);
  }
  const Bytes tcp4 = v4_tcp().build();
  const Bytes no_length = changed(v6_tcp().extension(0).build(), kIp + 4, be16(0));
  // 20 bytes of IPv4 header, then so many of TCP's.
  const auto tiny = [&tcp4](std::uint16_t bytes, std::uint16_t flags_offset) {
    return changed(changed(cut(tcp4, kAfterIpv4 + bytes), kIp + 2, be16(static_cast<std::uint16_t>(20 + bytes))),
                   kIp + 6, be16(flags_offset));
  };
  table.insert(
      table.end(),
      {
          {"three tags", v4_tcp().vlan(0x88a8).vlan(0x8100).vlan(0x8100).build(), understood(false, tcp, 50, 20), false,
           not_read(CAUSE_VLAN_DEPTH, 54)},
          {"eight tags", eight_tags.build(), understood(false, tcp, 50, 20), false, not_read(CAUSE_VLAN_DEPTH, 74)},
          {"nine tags", nine_tags.build(), not_read(CAUSE_VLAN_DEPTH, 54), false, not_read(CAUSE_VLAN_DEPTH, 78)},
          {"nine tags, IPv6", nine_tags6.build(), not_read(CAUSE_VLAN_DEPTH, 62), false,
           not_read(CAUSE_VLAN_DEPTH, 86)},
          {"twelve tags", twelve_tags.build(), not_read(CAUSE_VLAN_DEPTH, 66), false, not_read(CAUSE_VLAN_DEPTH, 90)},
          {"an old service tag", v4_tcp().vlan(0x9100).build(), understood(false, tcp, 50, 20), false,
           not_read(CAUSE_NOT_IP, 54)},
          {"cut in the third tag", cut(v4_tcp().vlan(0x88a8).vlan(0x8100).vlan(0x8100).build(), 24),
           not_read(CAUSE_TRUNCATED, 2), false, not_read(CAUSE_VLAN_DEPTH, 2)},
          {"five extension headers",
           v6_tcp().extension(0).extension(60).extension(43).extension(60).extension(60).build(),
           understood(true, tcp, 110, 80), false, not_read(CAUSE_EXTENSIONS, 110)},
          {"eight extension headers", eight_options.build(), understood(true, tcp, 134, 104), false,
           not_read(CAUSE_EXTENSIONS, 134)},
          {"nine extension headers", nine_options.build(), not_read(CAUSE_EXTENSIONS, 142)},
          {"mobility, HIP and shim6 headers", v6_udp().extension(135).extension(139).extension(140).build(),
           understood(true, udp, 82, 64), false, not_read(CAUSE_PROTOCOL, 82)},
          {"no IPv6 length, behind hop-by-hop options", no_length, understood(true, tcp, 78, 48), false,
           not_read(CAUSE_MALFORMED, 40)},
          {"a first fragment with TCP flags", tiny(16, 0x2000), understood(false, tcp, 36, 20), false,
           not_read(CAUSE_MALFORMED, 36)},
          {"a first fragment that ends with the TCP flags", tiny(14, 0x2000), understood(false, tcp, 34, 20), false,
           not_read(CAUSE_MALFORMED, 34)},
          {"a first fragment without TCP flags", tiny(13, 0x2000), not_read(CAUSE_MALFORMED, 33)},
          {"a first fragment with ports only", tiny(8, 0x2000), not_read(CAUSE_MALFORMED, 28)},
          {"a fragment that begins within the TCP header", tiny(12, 0x0001), not_read(CAUSE_MALFORMED, 32)},
          {"a fragment behind the first 16 bytes", tiny(8, 0x0002), not_read(CAUSE_LATER_FRAGMENT, 28)},
          {"a whole packet that ends in the TCP header", tiny(16, 0), not_read(CAUSE_MALFORMED, 36)},
          {"a fragment over IPv6 that begins within the TCP header", v6_tcp().ipv6_fragment(1, false).build(),
           not_read(CAUSE_MALFORMED, 78)},
      });
}

// Packets in packets, with and without a routing header that Linux may take apart.
void add_carried(std::vector<Fixture>& table) {
  const Bytes whole = v4_tcp().build();
  const Bytes inner(whole.begin() + kIp, whole.end());  // 50 bytes
  const auto carried = [&inner](PacketBuilder builder, std::uint8_t protocol = 4) {
    return builder.transport(protocol, inner).build();
  };
  const auto other = [](std::uint32_t bytes) { return not_read(CAUSE_PROTOCOL, bytes); };
  const auto taken_apart = [](std::uint32_t bytes) { return not_read(CAUSE_EXTENSIONS, bytes); };
  table.insert(
      table.end(),
      {
          {"IPv4 in IPv6", carried(v6()), other(90)},
          {"IPv6 in IPv6", carried(v6(), 41), other(90)},
          {"IPv4 in IPv6 behind options", carried(v6().extension(60)), other(98)},
          {"IPv4 behind segment routing", carried(v6().routing(4, 2)), taken_apart(114), false, other(114)},
          {"IPv6 behind segment routing", carried(v6().routing(4, 2), 41), taken_apart(114), false, other(114)},
          {"IPv6 behind RPL's source routing", carried(v6().routing(3), 41), taken_apart(98), false, other(98)},
          {"IPv4 behind options and segment routing", carried(v6().extension(0).routing(4)), taken_apart(106), false,
           other(106)},
          {"IPv4 behind segment routing in a first fragment", carried(v6().ipv6_fragment(0, true).routing(4)),
           taken_apart(106), false, other(106)},
          {"IPv4 behind segment routing and options", carried(v6().routing(4).extension(60)), other(106)},
          {"IPv4 behind a routing header of type 0", carried(v6().routing(0)), other(98)},
          {"IPv4 behind a routing header of type 2", carried(v6().routing(2, 2)), other(114)},
          {"Ethernet behind segment routing", carried(v6().routing(4), 143), other(98)},
          {"TCP behind segment routing", v6_tcp().routing(4, 2).build(), understood(true, Protocol::tcp, 94, 64)},
      });
}

void add_not_understood(std::vector<Fixture>& table) {
  const Bytes tcp4 = v4_tcp().build();
  const Bytes tcp6 = v6_tcp().build();
  const Bytes tagged = v4_tcp().vlan(0x88a8).vlan(0x8100).build();
  const Bytes extended = v6_tcp().extension(0).build();
  table.insert(
      table.end(),
      {
          {"ARP", PacketBuilder().ethertype(0x0806).payload(28).build(), not_read(CAUSE_NOT_IP, 28)},
          {"ARP in a tag", PacketBuilder().vlan(0x8100).ethertype(0x0806).payload(28).build(),
           not_read(CAUSE_NOT_IP, 28)},
          {"a length where the type would be (802.3)", PacketBuilder().ethertype(46).payload(46).build(),
           not_read(CAUSE_NOT_IP, 46)},
          {"a later fragment over IPv4", v4_tcp().ipv4_fragment(185, true).build(), not_read(CAUSE_LATER_FRAGMENT, 50)},
          {"the last fragment over IPv4", v4_tcp().ipv4_fragment(3, false).build(), not_read(CAUSE_LATER_FRAGMENT, 50)},
          {"a later fragment over IPv6", v6_tcp().ipv6_fragment(181, true).build(), not_read(CAUSE_LATER_FRAGMENT, 78)},
          {"a later fragment behind another extension header", v6_tcp().extension(0).ipv6_fragment(3, false).build(),
           not_read(CAUSE_LATER_FRAGMENT, 86)},
          {"GRE", v4().transport(47, Bytes(20, 0)).build(), not_read(CAUSE_PROTOCOL, 40)},
          {"ESP over IPv6", v6().transport(50, Bytes(20, 0)).build(), not_read(CAUSE_PROTOCOL, 60)},
          {"ICMPv6 over IPv4", v4().icmpv6().build(), not_read(CAUSE_PROTOCOL, 28)},
          {"ICMP over IPv6", v6().icmp().build(), not_read(CAUSE_PROTOCOL, 48)},
          {"no next header", v6().transport(59, {}).build(), not_read(CAUSE_PROTOCOL, 40)},

          {"cut in the first tag", cut(tagged, 16), not_read(CAUSE_TRUNCATED, 2)},
          {"cut in the second tag", cut(tagged, 20), not_read(CAUSE_TRUNCATED, 2)},
          {"cut behind Ethernet, IPv4", cut(tcp4, kIp), not_read(CAUSE_TRUNCATED, 0)},
          {"cut behind Ethernet, IPv6", cut(tcp6, kIp), not_read(CAUSE_TRUNCATED, 0)},
          {"cut in the IPv4 header", cut(tcp4, kIp + 19), not_read(CAUSE_TRUNCATED, 19)},
          {"cut in the IPv6 header", cut(tcp6, kIp + 39), not_read(CAUSE_TRUNCATED, 39)},
          {"cut behind the IPv4 header", cut(tcp4, kAfterIpv4), not_read(CAUSE_TRUNCATED, 20)},
          {"cut in an extension header", cut(extended, kAfterIpv6 + 4), not_read(CAUSE_TRUNCATED, 44)},
          {"cut in the TCP header", cut(tcp4, kAfterIpv4 + 19), not_read(CAUSE_TRUNCATED, 39)},
          {"cut in the UDP header", cut(v6_udp().build(), kAfterIpv6 + 7), not_read(CAUSE_TRUNCATED, 47)},
          {"cut in the payload", cut(tcp4, tcp4.size() - 1), not_read(CAUSE_TRUNCATED, 49)},
          {"cut in the payload, IPv6, tagged", cut(v6_tcp().vlan(0x8100).build(), 87), not_read(CAUSE_TRUNCATED, 69)},

          {"IPv4 says version 6", changed(tcp4, kIp, {0x65}), not_read(CAUSE_MALFORMED, 50)},
          {"IPv6 says version 4", changed(tcp6, kIp, {0x40}), not_read(CAUSE_MALFORMED, 70)},
          {"an IPv4 header of 16 bytes", changed(tcp4, kIp, {0x44}), not_read(CAUSE_MALFORMED, 50)},
          {"an IPv4 header longer than its packet", changed(tcp4, kIp, {0x4f}), not_read(CAUSE_MALFORMED, 50)},
          {"an IPv4 length shorter than the header", changed(tcp4, kIp + 2, be16(19)), not_read(CAUSE_MALFORMED, 50)},
          {"an IPv4 length of 0", changed(tcp4, kIp + 2, be16(0)), not_read(CAUSE_MALFORMED, 50)},
          // From here on the IP length was good, and it is what counts.
          {"an IPv4 length that ends in TCP", changed(tcp4, kIp + 2, be16(39)), not_read(CAUSE_MALFORMED, 39)},
          {"an IPv4 length that ends in UDP", changed(v4().udp(kClient, kServer).build(), kIp + 2, be16(27)),
           not_read(CAUSE_MALFORMED, 27)},
          {"an IPv6 length that ends in TCP", changed(tcp6, kIp + 4, be16(19)), not_read(CAUSE_MALFORMED, 59)},
          {"an IPv6 length of 0", changed(tcp6, kIp + 4, be16(0)), not_read(CAUSE_MALFORMED, 40)},
          {"an IPv6 length that ends in an extension header", changed(extended, kIp + 4, be16(7)),
           not_read(CAUSE_MALFORMED, 47)},
          {"an extension header longer than its packet", changed(extended, kAfterIpv6 + 1, {5}),
           not_read(CAUSE_MALFORMED, 78)},
          {"ICMP of 7 bytes", v4().transport(1, Bytes(7, 8)).build(), not_read(CAUSE_MALFORMED, 27), true},
          {"a TCP header of 16 bytes", changed(tcp4, kAfterIpv4 + 12, {0x40}), not_read(CAUSE_MALFORMED, 50)},
          {"a TCP header longer than its packet", changed(tcp6, kAfterIpv6 + 12, {0x80}),
           not_read(CAUSE_MALFORMED, 70)},
      });
}

// IPv4-mapped addresses in an IPv6 header, and those beside ::ffff:0:0/96.
void add_mapped(std::vector<Fixture>& table) {
  constexpr std::size_t source = kIp + 8;
  constexpr std::size_t destination = kIp + 24;
  const Bytes mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 1};
  const Bytes tcp6 = v6_tcp().build();
  const Bytes both = changed(changed(tcp6, source, mapped), destination, mapped);
  for (const std::size_t end : {source, destination}) {
    const auto with = [&](Bytes frame) { return changed(std::move(frame), end, mapped); };
    const std::string name = end == source ? "a mapped source" : "a mapped destination";
    table.insert(
        table.end(),
        {
            {name, with(tcp6), not_read(CAUSE_MALFORMED, 70)},
            {name + ", all 0", changed(with(tcp6), end + 12, {0, 0, 0, 0}), not_read(CAUSE_MALFORMED, 70)},
            {name + ", UDP", with(v6_udp().build()), not_read(CAUSE_MALFORMED, 58)},
            {name + ", another protocol", with(v6().transport(47, Bytes(8, 0)).build()), not_read(CAUSE_MALFORMED, 48)},
            {name + ", a later fragment", with(v6_tcp().ipv6_fragment(4, false).build()),
             not_read(CAUSE_MALFORMED, 78)},
            {name + ", behind options", with(v6_tcp().extension(60).build()), not_read(CAUSE_MALFORMED, 78)},
            {name + ", cut in the payload", cut(with(tcp6), tcp6.size() - 1), not_read(CAUSE_TRUNCATED, 69)},
        });
    // A bit that differs makes it another address.
    for (const std::size_t at : {0U, 3U, 4U, 7U, 8U, 9U, 10U, 11U}) {
      const auto other = static_cast<std::uint8_t>(mapped[at] ^ 1U);
      Reading reading = understood(true, Protocol::tcp, 70, 40);
      auto& bytes = (end == source ? reading.source : reading.destination).address.bytes;
      std::copy(mapped.begin(), mapped.end(), bytes.begin());
      bytes.at(at) = other;
      table.push_back({name + " but for byte " + std::to_string(at), changed(with(tcp6), end + at, {other}), reading});
    }
  }
  table.push_back({"both ends mapped", both, not_read(CAUSE_MALFORMED, 70)});
}

}  // namespace

const std::vector<Fixture>& fixtures() {
  static const std::vector<Fixture> table = [] {
    std::vector<Fixture> all;
    add_understood(all);
    add_longer_walks(all);
    add_carried(all);
    add_not_understood(all);
    add_mapped(all);
    return all;
  }();
  return table;
}

}  // namespace nicsentry::testing
