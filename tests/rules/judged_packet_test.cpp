// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/judged_packet.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "host/rules/language/packet_text.h"
#include "host/rules/language/rule_text.h"
#include "tests/support/icmp_kinds.h"
#include "tests/support/packet_builder.h"
#include "tests/support/tcp_flags.h"

namespace nicsentry::firewall_judged_packet_test {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

using Words = std::vector<std::string>;

JudgedPacket packet_of(const Words& words, std::optional<unsigned> cause = std::nullopt,
                       std::uint32_t bits = STATE_NEW) {
  const auto packet = judged_packet(frame_of(parse_packet_words(words)), cause, bits);
  REQUIRE(packet);
  return *packet;
}

Rule rule(const nlohmann::json& fields) {
  RuleErrors errors;
  Rule made = parse_rule(fields, 0, errors);
  REQUIRE(errors.empty());
  return made;
}

bool in_office(const std::string& set, const IpAddress& address) {
  return set == "office" && address.text() == "10.0.0.7";
}

// "field packet/rule" of the first mismatch, "" where all match.
std::string mismatch(const nlohmann::json& fields, const JudgedPacket& packet) {
  const auto found = first_mismatch(rule(fields).match, packet, in_office);
  return found ? std::string(found->field) + " " + found->seen + "/" + found->asked : "";
}

TEST_CASE("the state that a packet is judged by, and why it is not its session's") {
  using State = ConnectionState;
  CHECK(packet_of({}).state == State::new_session);
  CHECK(packet_of({"tcpflags=ACK"}).state == State::new_session);
  CHECK(packet_of({"tcpflags=FIN,ACK"}).state == State::invalid);
  CHECK(packet_of({"tcpflags=SYN"}, std::nullopt, STATE_CLOSED).state == State::new_session);
  CHECK(packet_of({"tcpflags=ACK"}, std::nullopt, STATE_CLOSED).state == State::established);
  CHECK(state_reason(packet_of({"tcpflags=SYN"}), std::nullopt, STATE_CLOSED) == "its connection is closed");
  CHECK(packet_of({"tcpflags=ACK"}, std::nullopt, STATE_ESTABLISHED).state == State::established);
  CHECK(packet_of({"icmptype=8"}, std::nullopt, STATE_ESTABLISHED).state == State::new_session);
  CHECK(packet_of({"icmptype=0"}, std::nullopt, STATE_ESTABLISHED).state == State::established);
  CHECK(packet_of({"fragment=later"}, CAUSE_LATER_FRAGMENT).state == State::established);
  CHECK(packet_of({"l4proto=GRE"}, CAUSE_PROTOCOL).state == State::new_session);
  CHECK(packet_of({}, CAUSE_TRUNCATED).state == State::invalid);
  CHECK_FALSE(state_reason(packet_of({}), std::nullopt, STATE_NEW));
  CHECK_FALSE(state_reason(packet_of({"tcpflags=ACK"}), std::nullopt, STATE_RELATED));
  CHECK_FALSE(state_reason(packet_of({"tcpflags=ACK"}), std::nullopt, STATE_NEW));
  CHECK(state_reason(packet_of({"tcpflags=ACK"}), std::nullopt, STATE_NEW, TcpPickup::strict) ==
        "of no session that is known, and no plain SYN");
  CHECK(state_reason(packet_of({"tcpflags=RST"}), std::nullopt, STATE_NEW) ==
        "of no session that is known, and neither a plain SYN nor an ACK");
  CHECK(judged_packet(frame_of(parse_packet_words(Words{"tcpflags=ACK"})), std::nullopt, STATE_NEW, TcpPickup::strict)
            ->state == State::invalid);
  CHECK(state_reason(packet_of({"icmptype=8"}), std::nullopt, STATE_NEW) ==
        "only replies and errors over ICMP have a state of their session");
  CHECK(packet_of({"icmptype=3"}, std::nullopt, STATE_ESTABLISHED).state == State::new_session);
  CHECK(packet_of({"icmptype=3"}, std::nullopt, STATE_RELATED | STATE_ESTABLISHED).state == State::related);
  CHECK(packet_of({"icmptype=0"}, std::nullopt, STATE_RELATED | STATE_ESTABLISHED).state == State::established);
  CHECK(state_reason(packet_of({"l4proto=47"}), CAUSE_PROTOCOL, STATE_NEW) == "its protocol is not tracked");
}

TEST_CASE("on a closed connection a SYN is NEW, a segment that no connection has INVALID, and all else ESTABLISHED") {
  const IpAddress address = parse_packet_words(Words{"src=192.0.2.1"}).source;
  const Bytes frame = PacketBuilder().addresses(address, address).tcp(1000, 443).build();
  for (const TcpPickup pickup : {TcpPickup::loose, TcpPickup::strict}) {
    for (unsigned flags = 0; flags < 256; ++flags) {
      INFO("flags " << flags);
      const auto packet = judged_packet(testing::changed(frame, 14 + 20 + 13, {testing::low_byte(flags)}), std::nullopt,
                                        STATE_CLOSED, pickup);
      REQUIRE(packet);
      const auto reason = state_reason(*packet, std::nullopt, STATE_CLOSED, pickup);
      switch (testing::expected_segment(flags)) {
        case testing::ExpectedSegment::begins:
          CHECK(packet->state == ConnectionState::new_session);
          CHECK(reason == "its connection is closed");
          break;
        case testing::ExpectedSegment::goes_on:
          CHECK(packet->state == ConnectionState::established);
          CHECK_FALSE(reason);
          break;
        case testing::ExpectedSegment::invalid:
          CHECK(packet->state == ConnectionState::invalid);
          CHECK(reason == "no segment of a connection has such flags");
          break;
      }
    }
  }
}

TEST_CASE("on an open connection a SYN is NEW too: the host may not have seen its end") {
  const IpAddress address = parse_packet_words(Words{"src=192.0.2.1"}).source;
  const Bytes frame = PacketBuilder().addresses(address, address).tcp(1000, 443).build();
  const auto judged = [&frame](unsigned flags) {
    const auto packet = judged_packet(testing::changed(frame, 14 + 20 + 13, {testing::low_byte(flags)}), std::nullopt,
                                      STATE_ESTABLISHED, TcpPickup::loose);
    REQUIRE(packet);
    return std::pair(packet->state, state_reason(*packet, std::nullopt, STATE_ESTABLISHED, TcpPickup::loose));
  };
  for (unsigned flags = 0; flags < 256; ++flags) {
    INFO("flags " << flags);
    switch (testing::expected_segment(flags)) {
      case testing::ExpectedSegment::begins:
        CHECK(judged(flags) ==
              std::pair(ConnectionState::new_session, std::optional<std::string>("a SYN begins a connection anew")));
        break;
      case testing::ExpectedSegment::goes_on:
        CHECK(judged(flags) == std::pair(ConnectionState::established, std::optional<std::string>()));
        break;
      case testing::ExpectedSegment::invalid:
        CHECK(judged(flags).first == ConnectionState::invalid);
        break;
    }
  }
}

TEST_CASE("of its session's states an ICMP packet is judged by the one that its type can have") {
  for (const bool ipv6 : {false, true}) {
    const IpAddress source = parse_packet_words(Words{ipv6 ? "src=2001:db8::1" : "src=192.0.2.1"}).source;
    for (unsigned type = 0; type < 256; ++type) {
      PacketBuilder builder;
      builder.addresses(source, source);
      const Bytes frame =
          ipv6 ? builder.icmpv6(testing::low_byte(type)).build() : builder.icmp(testing::low_byte(type)).build();
      const testing::ExpectedIcmp kind = testing::expected_icmp(ipv6, type);
      const std::uint32_t possible = kind == testing::ExpectedIcmp::reply   ? STATE_ESTABLISHED
                                     : kind == testing::ExpectedIcmp::error ? STATE_RELATED
                                                                            : STATE_NEW;
      for (std::uint32_t states = STATE_NEW; states <= (STATE_ESTABLISHED | STATE_RELATED); ++states) {
        INFO("IPv" << (ipv6 ? 6 : 4) << ", type " << type << ", states " << states);
        const auto packet = judged_packet(frame, std::nullopt, states);
        REQUIRE(packet);
        CHECK(static_cast<std::uint32_t>(packet->state) == (states & possible));
        CHECK(state_reason(*packet, std::nullopt, states).has_value() == (possible == STATE_NEW));
      }
    }
  }
}

TEST_CASE("a packet that is not understood has addresses and the protocol behind its extension headers") {
  const IpAddress source = parse_packet_words(Words{"src=2001:db8::1"}).source;
  const IpAddress destination = parse_packet_words(Words{"src=2001:db8::2"}).source;
  const Bytes frame =
      PacketBuilder().vlan(0x8100).addresses(source, destination).extension(60).transport(47, {0, 0, 8, 0}).build();
  const auto packet = judged_packet(frame, CAUSE_PROTOCOL, STATE_NEW);
  REQUIRE(packet);
  CHECK(packet->source == source);
  CHECK(packet->destination == destination);
  CHECK(packet->protocol == 47);
  CHECK_FALSE(packet->header);
  CHECK_FALSE(judged_packet(PacketBuilder().ethertype(0x0806).build(), CAUSE_NOT_IP, STATE_NEW));
  CHECK_FALSE(judged_packet(testing::cut(frame, 40), CAUSE_TRUNCATED, STATE_NEW));
}

TEST_CASE("of a rule that does not match, the first field that keeps it from matching") {
  const JudgedPacket tcp = packet_of({"src=10.0.0.7", "dst=10.9.0.1", "sport=1000", "dport=443"});
  CHECK(mismatch({{"src", "10.0.0.0/8"},
                  {"dst", "10.9.0.1"},
                  {"l4proto", "TCP"},
                  {"dport", "400-443"},
                  {"sport", 1000},
                  {"tcpflags", "SYN,!ACK"},
                  {"conntrack", "NEW"}},
                 tcp)
            .empty());
  CHECK(mismatch({{"src", "10.1.0.0/16"}, {"dport", 80}}, tcp) == "src 10.0.0.7/10.1.0.0/16");
  CHECK(mismatch({{"src", {"10.0.0.0/8", "!10.0.0.7"}}}, tcp) == "src 10.0.0.7/10.0.0.0/8, !10.0.0.7/32");
  CHECK(mismatch({{"src", "@office"}}, tcp).empty());
  CHECK(mismatch({{"dst", "@office"}}, tcp) == "dst 10.9.0.1/@office");
  CHECK(mismatch({{"src", "!@office"}}, tcp) == "src 10.0.0.7/!@office");
  CHECK(mismatch({{"src", "2001:db8::/32"}}, tcp) == "src 10.0.0.7/2001:db8::/32");
  CHECK(mismatch({{"l4proto", "UDP"}}, tcp) == "l4proto TCP/UDP");
  CHECK(mismatch({{"l4proto", 200}}, tcp) == "l4proto TCP/200");
  CHECK(mismatch({{"sport", "1-999"}}, tcp) == "sport 1000/1-999");
  CHECK(mismatch({{"dport", 444}}, tcp) == "dport 443/444");
  CHECK(mismatch({{"tcpflags", "ACK"}}, tcp) == "tcpflags SYN/ACK");
  CHECK(mismatch({{"conntrack", "INVALID"}}, tcp) == "conntrack NEW/INVALID");
  const JudgedPacket later = packet_of({"fragment=later"}, CAUSE_LATER_FRAGMENT);
  CHECK(mismatch({{"dport", 80}}, later) == "dport none/80");
  CHECK(mismatch({{"tcpflags", "!ACK"}}, later) == "tcpflags none/!ACK");
  CHECK(mismatch({{"l4proto", "TCP"}}, later).empty());
  CHECK(mismatch({{"dport", 0}}, packet_of({"icmptype=8"})) == "dport none/0");
}

TEST_CASE("a packet has the numbers that its words say") {
  for (const char* source : {"src=10.0.0.1", "src=2001:db8::1"}) {
    CAPTURE(source);
    const bool ipv6 = std::string(source).find(':') != std::string::npos;
    const std::string icmp = std::string("l4proto=ICMP") + (ipv6 ? "v6" : "");
    const JudgedPacket packet = packet_of({source, icmp, "icmptype=destination-unreachable",
                                           "icmpcode=port-unreachable", "length=300", "dscp=ef", "ttl=7", "vlan=12"});
    CHECK(packet.number(NumberField::icmp_type) == (ipv6 ? 1 : 3));
    CHECK(packet.number(NumberField::icmp_code) == (ipv6 ? 4 : 3));
    CHECK(packet.number(NumberField::length) == 300);
    CHECK(packet.number(NumberField::dscp) == 46);
    CHECK(packet.number(NumberField::ttl) == 7);
    CHECK(packet.number(NumberField::vlan) == 12);
    const JudgedPacket plain = packet_of({source, "fragment=later", "l4proto=TCP"}, CAUSE_LATER_FRAGMENT);
    CHECK_FALSE(plain.number(NumberField::icmp_type));
    CHECK(plain.number(NumberField::length) == (ipv6 ? 56 : 28));
    CHECK(plain.number(NumberField::ttl) == 64);
    CHECK(plain.number(NumberField::vlan) == kNoVlan);
  }
}

TEST_CASE("of the fields that are numbers, the first that keeps a rule from matching") {
  const JudgedPacket ping = packet_of({"icmptype=8", "length=84", "dscp=cs1", "ttl=3", "vlan=5"});
  CHECK(mismatch({{"l4proto", "ICMP"},
                  {"icmptype", "echo-request"},
                  {"icmpcode", 0},
                  {"length", "80-90"},
                  {"dscp", "cs1"},
                  {"ttl", "0-5"},
                  {"vlan", "5,none"}},
                 ping)
            .empty());
  CHECK(mismatch({{"l4proto", "ICMP"}, {"icmptype", 3}}, ping) == "icmptype echo-request/destination-unreachable");
  CHECK(mismatch({{"l4proto", "ICMP"}, {"icmptype", 8}, {"icmpcode", 1}}, ping) == "icmpcode 0/1");
  CHECK(mismatch({{"length", "0-83"}}, ping) == "length 84/0-83");
  CHECK(mismatch({{"dscp", "ef"}}, ping) == "dscp cs1/ef");
  CHECK(mismatch({{"ttl", 4}}, ping) == "ttl 3/4");
  CHECK(mismatch({{"vlan", "none"}}, ping) == "vlan 5/none");
  const JudgedPacket cut = packet_of({"dport=80"}, CAUSE_TRUNCATED);
  CHECK(mismatch({{"length", "0-65535"}}, cut) == "length none/0-65535");
  CHECK(mismatch({{"ttl", 64}}, cut).empty());
}

}  // namespace
}  // namespace nicsentry::firewall_judged_packet_test
