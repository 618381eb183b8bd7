// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/packet_text.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/packet/parser.h"

namespace nicsentry::firewall_packet_text_test {
namespace {

using Words = std::vector<std::string>;

std::string error_of(const Words& words) {
  try {
    parse_packet_words(words);
    return "none";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST_CASE("without words a packet is a TCP SYN to port 80") {
  const ImaginedPacket packet = parse_packet_words(Words{});
  CHECK(packet.source.text() == "192.0.2.1");
  CHECK(packet.destination.text() == "192.0.2.2");
  CHECK(packet.protocol == 6);
  CHECK(packet.destination_port == 80);
  CHECK(packet.tcp_flags == 0x02);
  CHECK_FALSE(packet.state);
}

TEST_CASE("missing fields follow from the given ones") {
  struct Case {
    Words words;
    std::string source;
    std::string destination;
    unsigned protocol;
    unsigned flags;
    unsigned type;
  };
  const Case kCases[] = {
      {{"dst=2001:db8::9"}, "2001:db8::1", "2001:db8::9", 6, 0x02, 8},
      {{"src=10.0.0.9"}, "10.0.0.9", "192.0.2.2", 6, 0x02, 8},
      {{"l4proto=ICMPv6"}, "2001:db8::1", "2001:db8::2", 58, 0x02, 128},
      {{"icmptype=3"}, "192.0.2.1", "192.0.2.2", 1, 0x02, 3},
      {{"icmptype=1", "src=::1"}, "::1", "2001:db8::2", 58, 0x02, 1},
      {{"conntrack=established"}, "192.0.2.1", "192.0.2.2", 6, 0x10, 8},
      {{"CONNTRACK=ESTABLISHED", "tcpflags=syn,FIN"}, "192.0.2.1", "192.0.2.2", 6, 0x03, 8},
      {{"tcpflags=none"}, "192.0.2.1", "192.0.2.2", 6, 0, 8},
  };
  for (const Case& row : kCases) {
    INFO(row.words.front());
    const ImaginedPacket packet = parse_packet_words(row.words);
    CHECK(packet.source.text() == row.source);
    CHECK(packet.destination.text() == row.destination);
    CHECK(packet.protocol == row.protocol);
    CHECK(packet.tcp_flags == row.flags);
    CHECK(packet.icmp_type == row.type);
  }
}

TEST_CASE("each wrong word is reported with its field, its text and the allowed values") {
  CHECK_THAT(error_of({"src=10.0.0.0/8"}),
             Catch::Contains("src: read \"10.0.0.0/8\", allowed is an address of IPv4 or IPv6"));
  CHECK_THAT(error_of({"dst=nobody"}), Catch::Contains("dst: read \"nobody\""));
  CHECK_THAT(error_of({"sport=65536", "dport=1-2", "l4proto=9x"}),
             Catch::Contains("sport: read \"65536\", allowed is a port (0 to 65535)\ndport: read \"1-2\"") &&
                 Catch::Contains("\nl4proto: read \"9x\""));
  CHECK_THAT(error_of({"tcpflags=SYN,!ACK"}),
             Catch::Contains("tcpflags: read \"SYN,!ACK\"") && Catch::Contains("NONE"));
  CHECK_THAT(error_of({"conntrack=OPEN"}),
             Catch::Contains("conntrack: read \"OPEN\", allowed is NEW, ESTABLISHED, RELATED or INVALID"));
  CHECK_THAT(error_of({"fragment=2"}), Catch::Contains("allowed is no, first or later"));
  CHECK_THAT(error_of({"icmptype=256"}), Catch::Contains("icmptype: read \"256\""));
  CHECK_THAT(error_of({"ttl=256", "dscp=af99", "vlan=5-6"}),
             Catch::Contains("ttl: read \"256\"") && Catch::Contains("dscp: read \"af99\"") &&
                 Catch::Contains("vlan: read \"5-6\", allowed is one value: a VLAN id"));
  CHECK_THAT(error_of({"length=39"}), Catch::Contains("length: read 39, allowed are at least the 40 bytes"));
  CHECK_THAT(error_of({"length=65501"}), Catch::Contains("allowed is a number of bytes from 0 to 65500"));
  CHECK_THAT(error_of({"action=drop"}), Catch::Contains("\"action\": unknown field, allowed are src, dst"));
  CHECK_THAT(error_of({"dport"}), Catch::Contains("dport: read \"\""));
  CHECK_THAT(error_of({"dport=1", "dport=2"}), Catch::Contains("dport: read twice"));
}

TEST_CASE("fields that no packet combines are reported") {
  CHECK_THAT(error_of({"src=10.0.0.1", "dst=::1"}),
             Catch::Contains("dst: read an address of IPv6 together with src of IPv4"));
  CHECK_THAT(error_of({"l4proto=GRE", "dport=1"}),
             Catch::Contains("dport: read together with l4proto GRE, allowed is dport with TCP or UDP only"));
  CHECK_THAT(error_of({"l4proto=200", "sport=1"}), Catch::Contains("together with l4proto 200"));
  CHECK_THAT(error_of({"l4proto=UDP", "tcpflags=ACK"}), Catch::Contains("tcpflags: read together with l4proto UDP"));
  CHECK_THAT(error_of({"icmptype=8", "dport=1"}), Catch::Contains("icmptype: read together with l4proto TCP"));
  CHECK_THAT(error_of({"icmpcode=1", "l4proto=UDP"}), Catch::Contains("icmpcode: read together with l4proto UDP"));
  CHECK_THAT(
      error_of({"fragment=later", "sport=1", "dport=80"}),
      Catch::Contains("sport: read together with fragment=later") &&
          Catch::Contains("\ndport: read together with fragment=later, allowed is dport with fragment=no or first"));
  CHECK_THAT(error_of({"fragment=later", "tcpflags=ACK"}), Catch::Contains("tcpflags: read together with fragment"));
  CHECK_THAT(error_of({"fragment=later", "icmptype=8"}), Catch::Contains("icmptype: read together with fragment"));
}

TEST_CASE("the frame of a packet parses to the same packet") {
  for (const char* source : {"src=10.1.2.3", "src=2001:db8::7"}) {
    for (const char* fragment : {"fragment=no", "fragment=first"}) {
      CAPTURE(source, fragment);
      auto packet = parse_packet_words(Words{source, fragment, "sport=1234", "dport=53", "tcpflags=PSH,ACK"});
      auto parsed = parse_packet(frame_of(packet));
      REQUIRE(parsed);
      CHECK(parsed->source.address == packet.source);
      CHECK(parsed->destination.address == packet.destination);
      CHECK(parsed->source.port == 1234);
      CHECK(parsed->destination.port == 53);
      CHECK(parsed->features.tcp_flags == 0x18);
      CHECK(parsed->ip_offset + parsed->features.bytes == frame_of(packet).size());

      packet = parse_packet_words(Words{source, fragment, "l4proto=UDP", "dport=53"});
      parsed = parse_packet(frame_of(packet));
      REQUIRE(parsed);
      CHECK(parsed->protocol == Protocol::udp);
      CHECK(parsed->destination.port == 53);

      packet = parse_packet_words(Words{source, fragment, "icmptype=3"});
      parsed = parse_packet(frame_of(packet));
      REQUIRE(parsed);
      CHECK(parsed->features.icmp_type == 3);
    }
    CHECK_FALSE(parse_packet(frame_of(parse_packet_words(Words{source, "fragment=later"}))));
  }
}

}  // namespace
}  // namespace nicsentry::firewall_packet_text_test
