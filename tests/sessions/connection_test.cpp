// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/connection.h"

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/icmp_kinds.h"
#include "tests/support/tcp_flags.h"

namespace nicsentry::connection_test {
namespace {

using testing::expected_segment;
using testing::ExpectedIcmp;
using testing::ExpectedSegment;
using testing::kAck;
using testing::kCwr;
using testing::kEce;
using testing::kFin;
using testing::kPsh;
using testing::kRst;
using testing::kSyn;

// `a` is the lower end of the key, `b` the higher.
constexpr Direction a = Direction::from_lower;
constexpr Direction b = Direction::from_higher;

// The ends' numbers begin here; neither sends data.
constexpr std::array<std::uint32_t, 2> kFirst{1000, 5000};

ConnectionPacket tcp(Direction from, unsigned flags) {
  ConnectionPacket packet{Protocol::tcp, from, static_cast<std::uint8_t>(flags), 0, false, 0, 0, 0, {}};
  packet.sequence = kFirst[static_cast<std::size_t>(from)] + ((flags & kSyn) != 0 ? 0 : 1);
  packet.acknowledged = (flags & kAck) != 0 ? kFirst[static_cast<std::size_t>(opposite(from))] + 1 : 0;
  return packet;
}
// With a sequence number that is so far beyond what its sender has sent.
ConnectionPacket beyond(ConnectionPacket packet, std::uint32_t numbers) {
  packet.sequence += numbers;
  return packet;
}
ConnectionPacket udp(Direction from) { return {Protocol::udp, from, 0, 0, false, 0, 0, 0, {}}; }
ConnectionPacket icmp(Direction from, std::uint8_t type) { return {Protocol::icmp, from, 0, type, false, 0, 0, 0, {}}; }
ConnectionPacket icmpv6(Direction from, std::uint8_t type) {
  return {Protocol::icmpv6, from, 0, type, false, 0, 0, 0, {}};
}
ConnectionPacket dropped(ConnectionPacket packet) {
  packet.dropped = true;
  return packet;
}

// "a-state b-state LISTED", as in the slot: N, E, R each, or C: closed, of TCP, or B: replies and errors may pass, of
// ICMP.
std::string text(const Connection& connection) {
  const char* letters = connection.tcp() ? "NECI" : "NERB";
  std::string states;
  for (const int shift : {SLOT_STATE_SHIFT, SLOT_STATE_SHIFT + SLOT_STATE_BITS}) {
    states += std::string(1, letters[connection.slot_states() >> static_cast<unsigned>(shift) & STATE_MASK]) + " ";
  }
  return states + connection_state(connection);
}

struct Step {
  ConnectionPacket packet;
  std::string after;
};

struct Case {
  std::string sentence;
  std::vector<Step> steps;
};

void check(const std::vector<Case>& cases) {
  for (const Case& row : cases) {
    Connection connection;
    std::string before = text(connection);
    for (std::size_t i = 0; i < row.steps.size(); ++i) {
      INFO(row.sentence << ", packet " << i + 1);
      const bool changed = connection.note(row.steps[i].packet);
      CHECK(text(connection) == row.steps[i].after);
      CHECK(changed == (before.substr(0, 3) != text(connection).substr(0, 3)));
      before = text(connection);
    }
  }
}

}  // namespace

TEST_CASE("states of TCP connections, packet by packet") {
  check({
      {"a handshake: the SYN is answered by an ESTABLISHED SYN+ACK, then both ends are",
       {{tcp(a, kSyn), "N E NEW"}, {tcp(b, kSyn | kAck), "E E ESTABLISHED"}, {tcp(a, kAck), "E E ESTABLISHED"}}},
      {"the higher end may begin as well", {{tcp(b, kSyn), "E N NEW"}, {tcp(a, kSyn | kAck), "E E ESTABLISHED"}}},
      {"a SYN that asks for ECN is a SYN (RFC 3168, 6.1.1)", {{tcp(a, kSyn | kEce | kCwr), "N E NEW"}}},
      {"a SYN sent again is still NEW", {{tcp(a, kSyn), "N E NEW"}, {tcp(a, kSyn), "N E NEW"}}},
      {"an ACK from whom no answer came establishes nothing",
       {{tcp(a, kSyn), "N E NEW"}, {tcp(a, kAck), "N E NEW"}, {tcp(a, kAck | kPsh), "N E NEW"}}},
      {"the event of the SYN+ACK was lost: the next segment of that end is an answer, too",
       {{tcp(a, kSyn), "N E NEW"}, {tcp(b, kAck | kPsh), "E E ESTABLISHED"}}},
      {"both SYNs cross (RFC 9293, 3.5)", {{tcp(a, kSyn), "N E NEW"}, {tcp(b, kSyn), "E E ESTABLISHED"}}},
      {"a refused connection is closed, and its next SYN is NEW",
       {{tcp(a, kSyn), "N E NEW"}, {tcp(b, kRst | kAck), "N C CLOSED"}, {tcp(a, kSyn), "N E NEW"}}},
      {"a segment without any flag is no answer", {{tcp(a, kSyn), "N E NEW"}, {tcp(b, 0), "N E NEW"}}},
      {"a SYN within a connection opens nothing (RFC 5961, 4)",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {tcp(a, kSyn), "E E ESTABLISHED"},
        {tcp(b, kAck), "E E ESTABLISHED"}}},
      {"FINs of both ends close, and the last ACK is ESTABLISHED",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {tcp(a, kFin | kAck), "E E ESTABLISHED"},
        {tcp(b, kAck), "E E ESTABLISHED"},
        {tcp(b, kFin | kAck), "C C CLOSED"},
        {tcp(a, kAck), "C C CLOSED"}}},
      {"a FIN sent again is not the other end's",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {tcp(a, kFin | kAck), "E E ESTABLISHED"},
        {tcp(a, kFin | kAck), "E E ESTABLISHED"}}},
      {"a closed connection is opened again by a SYN of either end, then takes two FINs anew",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {tcp(a, kFin | kAck), "E E ESTABLISHED"},
        {tcp(b, kFin | kAck), "C C CLOSED"},
        {tcp(b, kSyn), "E N NEW"},
        {tcp(a, kSyn | kAck), "E E ESTABLISHED"},
        {tcp(a, kFin | kAck), "E E ESTABLISHED"},
        {tcp(b, kFin | kAck), "C C CLOSED"}}},
      {"a RST closes; a RST that comes back changes nothing",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {tcp(a, kRst), "C C CLOSED"},
        {tcp(b, kRst), "C C CLOSED"},
        {tcp(b, kAck | kPsh), "C C CLOSED"}}},
      {"a RST in the name of an end that goes on was not its own",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {tcp(a, kRst), "C C CLOSED"},
        {tcp(a, kAck | kPsh), "C C ESTABLISHED"},
        {tcp(a, kFin | kAck), "C C ESTABLISHED"},
        {tcp(b, kFin | kAck), "C C CLOSED"}}},
      {"a SYN after a RST begins a connection anew, also if the end that was reset went on",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {tcp(a, kRst), "C C CLOSED"},
        {tcp(a, kAck), "C C ESTABLISHED"},
        {dropped(tcp(a, kSyn)), "C C ESTABLISHED"},
        {tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"}}},
      {"a RST in the name of the server before its SYN+ACK does not keep the connection from being established",
       {{tcp(a, kSyn), "N E NEW"}, {tcp(b, kRst | kAck), "N C CLOSED"}, {tcp(b, kSyn | kAck), "C C ESTABLISHED"}}},
      {"a RST in the name of the client neither",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(a, kRst), "N C CLOSED"},
        {tcp(b, kSyn | kAck), "C C CLOSED"},
        {tcp(a, kAck), "C C ESTABLISHED"}}},
  });
}

TEST_CASE("a RST or a FIN ends a connection only if its sequence number can be its sender's") {
  check({
      {"a blind RST is ignored",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {tcp(a, kAck), "E E ESTABLISHED"},
        {beyond(tcp(b, kRst), 1), "E E ESTABLISHED"},
        {beyond(tcp(b, kRst | kAck), 123456789), "E E ESTABLISHED"},
        {beyond(tcp(b, kRst), 0xffffffff), "E E ESTABLISHED"},
        {tcp(b, kRst), "C C CLOSED"}}},
      {"a refusal acknowledges the SYN",
       {{tcp(a, kSyn), "N E NEW"}, {tcp(b, kRst), "N E NEW"}, {tcp(b, kRst | kAck), "N C CLOSED"}}},
      {"blind FINs are ignored",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {beyond(tcp(a, kFin | kAck), 100000), "E E ESTABLISHED"},
        {beyond(tcp(b, kFin | kAck), 100000), "E E ESTABLISHED"},
        {tcp(a, kFin | kAck), "E E ESTABLISHED"},
        {tcp(b, kFin | kAck), "C C CLOSED"}}},
      {"a RST of a connection of which no number was seen is ignored",
       {{tcp(a, kAck), "N E INVALID"}, {tcp(b, kRst), "N E INVALID"}}},
      {"a SYN on a closed connection meets the rules, if they drop it the connection stays closed",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {tcp(a, kRst), "C C CLOSED"},
        {dropped(tcp(b, kSyn)), "C C CLOSED"},
        {tcp(b, kSyn), "E N NEW"}}},
  });
}

// A connection that FINs of both ends have closed, or a RST of `a`.
Connection closed_by(unsigned flags) {
  Connection connection;
  connection.note(tcp(a, kSyn));
  connection.note(tcp(b, kSyn | kAck));
  connection.note(tcp(a, flags));
  if ((flags & kFin) != 0) connection.note(tcp(b, flags));
  REQUIRE(text(connection) == "C C CLOSED");
  return connection;
}

TEST_CASE(
    "of all combinations of flags only a plain SYN opens a closed connection; what no connection has is ignored") {
  for (const unsigned how : {0U + (kFin | kAck), 0U + kRst}) {
    for (unsigned flags = 0; flags < 256; ++flags) {
      for (const Direction from : {a, b}) {
        INFO("closed by " << how << ", flags " << flags << ", from " << static_cast<int>(from));
        Connection connection = closed_by(how);
        const ExpectedSegment segment = expected_segment(flags);
        connection.note(tcp(from, flags));
        if (segment == ExpectedSegment::begins) {
          CHECK(text(connection) == (from == a ? "N E NEW" : "E N NEW"));
        } else {
          const bool revives = how == kRst && from == a && segment == ExpectedSegment::goes_on && (flags & kRst) == 0;
          CHECK(text(connection) == (revives ? "C C ESTABLISHED" : "C C CLOSED"));
        }
      }
    }
  }
}

TEST_CASE("a segment whose flags no connection has is no answer, and ends nothing") {
  for (unsigned flags = 0; flags < 256; ++flags) {
    if (expected_segment(flags) != ExpectedSegment::invalid || (flags & kRst) != 0) continue;
    INFO("flags " << flags);
    Connection connection;
    connection.note(tcp(a, kSyn));
    CHECK_FALSE(connection.note(tcp(b, flags)));
    CHECK(text(connection) == "N E NEW");
    connection.note(tcp(b, kSyn | kAck));
    connection.note(tcp(a, flags));
    connection.note(tcp(b, flags));
    CHECK(text(connection) == "E E ESTABLISHED");
  }
}

TEST_CASE("bytes that nobody saw widen what a sequence number can be, if they were counted in its direction") {
  Connection connection;
  connection.note(tcp(a, kSyn));
  connection.note(tcp(b, kSyn | kAck));
  connection.note(tcp(a, kAck));
  ConnectionPacket reset = beyond(tcp(b, kRst), 3000);
  CHECK(connection.doubts(reset));
  reset.unseen = {1 << 20, 2999};
  CHECK(connection.doubts(reset));
  connection.note(reset);
  CHECK_FALSE(connection.closed());
  reset.unseen = {0, 3000};
  CHECK_FALSE(connection.doubts(reset));
  connection.note(reset);
  CHECK(connection.closed());
  CHECK_FALSE(connection.doubts(beyond(reset, 99999)));  // it is closed already
}

TEST_CASE("the handshake is over when its SYN+ACK is acknowledged, not by another segment of whoever began") {
  Connection connection;
  connection.note(tcp(a, kSyn));
  connection.note(tcp(b, kSyn | kAck));
  ConnectionPacket blind = tcp(a, kAck);
  blind.acknowledged += 77;
  connection.note(blind);
  CHECK(connection.stage() == ConnectionStage::handshake);
  SECTION("by the ACK") { connection.note(tcp(a, kAck)); }
  SECTION("by what the other end sends then") { connection.note(tcp(b, kAck | kPsh)); }
  CHECK(connection.stage() == ConnectionStage::established);
}

TEST_CASE("for a program that knows no closed connections, all is established until the last ACK, or nothing") {
  constexpr std::uint32_t kBoth = STATE_ESTABLISHED << SLOT_STATE_SHIFT | STATE_ESTABLISHED
                                                                              << (SLOT_STATE_SHIFT + SLOT_STATE_BITS);
  Connection connection;
  connection.note(tcp(a, kSyn));
  connection.note(tcp(b, kSyn | kAck));
  CHECK_FALSE(connection.settle());
  SECTION("FINs") {
    connection.note(tcp(a, kFin | kAck));
    connection.note(tcp(b, kFin | kAck));
    CHECK(connection.simple_slot_states() == kBoth);
    CHECK(connection.settle());
    CHECK_FALSE(connection.settle());
  }
  SECTION("a RST") { connection.note(tcp(a, kRst)); }
  CHECK(connection.simple_slot_states() == 0);
  connection.note(tcp(a, kSyn));
  CHECK(connection.simple_slot_states() == STATE_ESTABLISHED << (SLOT_STATE_SHIFT + SLOT_STATE_BITS));
}

TEST_CASE("TCP of which the beginning was not seen, or that none is") {
  check({
      {"an older connection is picked up, as by nf_conntrack_tcp_loose, and established by an answer",
       {{tcp(a, kAck | kPsh), "N E INVALID"}, {tcp(a, kAck), "N E INVALID"}, {tcp(b, kAck), "E E ESTABLISHED"}}},
      {"who was picked up may begin anew", {{tcp(a, kAck), "N E INVALID"}, {tcp(a, kSyn), "N E NEW"}}},
      {"the SYN+ACK's event comes before the SYN's, from another attachment",
       {{tcp(b, kSyn | kAck), "E N INVALID"}, {tcp(a, kSyn), "E E ESTABLISHED"}}},
      {"all of the server's events come before the client's",
       {{tcp(b, kSyn | kAck), "E N INVALID"},
        {tcp(b, kAck | kFin), "E N INVALID"},
        {tcp(a, kSyn), "E E ESTABLISHED"},
        {tcp(a, kAck), "E E ESTABLISHED"},
        {tcp(a, kAck | kFin), "C C CLOSED"}}},
      {"all of the client's events come before the server's",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(a, kAck), "N E NEW"},
        {tcp(a, kAck | kFin), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {tcp(b, kAck | kFin), "C C CLOSED"}}},
      {"a RST, a FIN, a segment without flags and one with all of them begin nothing",
       {{tcp(a, kRst), "N N NEW"},
        {tcp(a, kRst | kAck), "N N NEW"},
        {tcp(a, kFin | kAck), "N N NEW"},
        {tcp(a, 0), "N N NEW"},
        {tcp(a, 0xff), "N N NEW"}}},
  });
}

TEST_CASE("states of UDP, packet by packet") {
  check({
      {"a request is NEW until its answer", {{udp(a), "N E NEW"}, {udp(a), "N E NEW"}, {udp(b), "E E ESTABLISHED"}}},
      {"the higher end may ask as well", {{udp(b), "E N NEW"}, {udp(a), "E E ESTABLISHED"}}},
  });
}

TEST_CASE("states of ICMP, packet by packet") {
  check({
      {"a ping: replies are ESTABLISHED, those of who asked are not",
       {{icmp(a, 8), "N E NEW"}, {icmp(a, 8), "N E NEW"}, {icmp(b, 0), "N E ESTABLISHED"}}},
      {"pings both ways, without ports, are one connection",
       {{icmp(a, 8), "N E NEW"}, {icmp(b, 8), "E E ESTABLISHED"}}},
      {"a reply that nobody asked for begins nothing", {{icmp(b, 0), "N N NEW"}, {icmp(a, 8), "N E NEW"}}},
      {"an error is no answer", {{icmp(a, 8), "N E NEW"}, {icmp(b, 3), "N E NEW"}}},
      {"errors and router messages begin nothing, redirects neither",
       {{icmp(a, 3), "N N NEW"}, {icmp(a, 5), "N N NEW"}, {icmp(a, 9), "N N NEW"}, {icmp(a, 11), "N N NEW"}}},
      {"ICMPv6 has numbers of its own",
       {{icmpv6(a, 8), "N N NEW"}, {icmpv6(a, 128), "N E NEW"}, {icmpv6(b, 129), "N E ESTABLISHED"}}},
      {"neighbour discovery begins nothing (RFC 4861)",
       {{icmpv6(a, 135), "N N NEW"}, {icmpv6(b, 136), "N N NEW"}, {icmpv6(b, 134), "N N NEW"}}},
  });
}

TEST_CASE("dropped packets change nothing") {
  check({
      {"a SYN that was dropped opened nothing: its answer would be INVALID", {{dropped(tcp(a, kSyn)), "N N NEW"}}},
      {"nor an answer that was dropped", {{tcp(a, kSyn), "N E NEW"}, {dropped(tcp(b, kSyn | kAck)), "N E NEW"}}},
      {"nor a RST that was dropped",
       {{tcp(a, kSyn), "N E NEW"},
        {tcp(b, kSyn | kAck), "E E ESTABLISHED"},
        {dropped(tcp(b, kRst)), "E E ESTABLISHED"}}},
      {"nor UDP", {{dropped(udp(a)), "N N NEW"}, {udp(b), "E N NEW"}, {dropped(udp(a)), "E N NEW"}}},
      {"nor a ping", {{dropped(icmp(a, 8)), "N N NEW"}}},
  });
}

TEST_CASE("an error about a connection makes errors of its direction RELATED, whatever else may pass") {
  Connection connection;
  CHECK(connection.relate(b));
  CHECK(text(connection) == "N R RELATED");
  CHECK(connection.originator() == b);
  CHECK_FALSE(connection.relate(b));
  CHECK_FALSE(connection.pending());

  SECTION("a ping to who sent the error lets replies through as well") {
    CHECK(connection.note(icmp(a, 8)));
    CHECK(text(connection) == "N B NEW");
    CHECK(connection.originator() == a);
    CHECK_FALSE(connection.note(icmp(b, 0)));
    CHECK(text(connection) == "N B ESTABLISHED");
    CHECK_FALSE(connection.relate(b));
    CHECK(connection.relate(a));
    CHECK(text(connection) == "R B ESTABLISHED");
  }
  SECTION("a ping from who sent the error lets replies through, and errors stay what they are") {
    CHECK(connection.note(icmp(b, 8)));
    CHECK(text(connection) == "E R NEW");
  }
}

TEST_CASE("who began a connection, and whether an answer is awaited") {
  Connection connection;
  CHECK_FALSE(connection.seen());
  CHECK_FALSE(connection.pending());
  connection.note(dropped(tcp(a, kSyn)));
  CHECK_FALSE(connection.seen());

  SECTION("a SYN's sender") {
    connection.note(tcp(b, kSyn));
    CHECK(connection.originator() == b);
    CHECK(connection.pending());
    CHECK(connection.tcp());
    connection.note(tcp(a, kSyn | kAck));
    CHECK(connection.pending());  // of the last ACK
    CHECK(connection.established());
    connection.note(tcp(b, kAck));
    CHECK_FALSE(connection.pending());
    connection.note(tcp(a, kRst));
    CHECK_FALSE(connection.established());
    CHECK(connection.closed());
    connection.forget();
    CHECK(text(connection) == "N N NEW");
    CHECK_FALSE(connection.seen());
  }
  SECTION("not the sender of a SYN+ACK, though it came first") {
    connection.note(tcp(b, kSyn | kAck));
    CHECK(connection.originator() == a);
    CHECK(connection.pending());
  }
  SECTION("of UDP, who asked") {
    connection.note(udp(b));
    connection.note(udp(a));
    CHECK(connection.originator() == b);
    CHECK(connection.established());
    CHECK_FALSE(connection.tcp());
  }
}

TEST_CASE("a connection goes on from the states that it had in its slot") {
  const auto inherited = [](Protocol protocol, std::uint32_t lower, std::uint32_t higher, Direction client = a) {
    Connection connection;
    connection.inherit(lower << 1U | higher << 3U, protocol, client);
    CHECK(connection.slot_states() == (lower << 1U | higher << 3U));
    CHECK(connection.seen());
    CHECK(connection.tcp() == (protocol == Protocol::tcp));
    return connection;
  };
  SECTION("both ends ESTABLISHED: it was answered") {
    Connection connection = inherited(Protocol::tcp, STATE_ESTABLISHED, STATE_ESTABLISHED, b);
    CHECK(text(connection) == "E E ESTABLISHED");
    CHECK(connection.originator() == b);
    CHECK_FALSE(connection.note(tcp(a, kAck | kFin)));
    CHECK(connection.note(tcp(b, kAck | kFin)));
    CHECK(connection.closed());
    CHECK(connection.note(tcp(a, kSyn)));
    CHECK(text(connection) == "N E NEW");
  }
  SECTION("a closed TCP connection stays closed, and a SYN begins it anew") {
    Connection connection = inherited(Protocol::tcp, STATE_CLOSED, STATE_CLOSED, b);
    CHECK(text(connection) == "C C CLOSED");
    CHECK(connection.note(tcp(a, kSyn)));
    CHECK(text(connection) == "N E NEW");
  }
  SECTION("a TCP end is awaited: its answer establishes") {
    Connection connection = inherited(Protocol::tcp, STATE_NEW, STATE_ESTABLISHED);
    CHECK(text(connection) == "N E INVALID");
    CHECK(connection.originator() == a);
    CHECK(connection.pending());
    CHECK_FALSE(connection.note(tcp(a, kAck)));
    CHECK(connection.note(tcp(b, kSyn | kAck)));
    CHECK(text(connection) == "E E ESTABLISHED");
  }
  SECTION("a TCP end is awaited: a SYN to it begins anew, as after a refusal that the slot did not tell") {
    Connection connection = inherited(Protocol::tcp, STATE_ESTABLISHED, STATE_NEW, a);
    CHECK(connection.originator() == b);
    CHECK_FALSE(connection.note(tcp(b, kSyn)));
    CHECK(text(connection) == "E N NEW");
  }
  SECTION("a UDP end is awaited") {
    Connection connection = inherited(Protocol::udp, STATE_ESTABLISHED, STATE_NEW, a);
    CHECK(text(connection) == "E N NEW");
    CHECK(connection.originator() == b);
    CHECK(connection.note(udp(a)));
    CHECK(text(connection) == "E E ESTABLISHED");
  }
  SECTION("a ping to who had sent an error") {
    Connection connection = inherited(Protocol::icmp, STATE_RELATED, STATE_ESTABLISHED);
    CHECK(text(connection) == "R E NEW");
    CHECK_FALSE(connection.note(icmp(b, 0)));
    CHECK(text(connection) == "R E ESTABLISHED");
  }
  SECTION("errors about a connection") {
    const Connection connection = inherited(Protocol::icmp, STATE_NEW, STATE_RELATED);
    CHECK(text(connection) == "N R RELATED");
    CHECK(connection.originator() == b);
  }
}

TEST_CASE("a SYN is plain without ACK, RST and FIN, and on TCP alone") {
  CHECK(is_plain_syn(tcp(a, kSyn | kEce | kCwr)));
  for (const unsigned flags : {0U, 0U + kAck, 0U + (kSyn | kAck), 0U + (kSyn | kRst), 0U + (kSyn | kFin)}) {
    CHECK_FALSE(is_plain_syn(tcp(a, flags)));
  }
  CHECK_FALSE(is_plain_syn({Protocol::udp, a, kSyn, 0, false, 0, 0, 0, {}}));
}

TEST_CASE("a slot has the lower end's state in the two bits above SLOT_VALID, the higher end's in the next two") {
  Connection connection;
  CHECK(connection.slot_states() == 0);
  connection.note(tcp(a, kSyn));
  CHECK(connection.slot_states() == STATE_ESTABLISHED << 3U);
  connection.note(tcp(b, kSyn | kAck));
  CHECK(connection.slot_states() == (STATE_ESTABLISHED << 1U | STATE_ESTABLISHED << 3U));
  Connection error;
  error.relate(a);
  CHECK(error.slot_states() == STATE_RELATED << 1U);
}

TEST_CASE("what each ICMP type is to a connection: query, reply, error or neither") {
  for (const Protocol protocol : {Protocol::icmp, Protocol::icmpv6}) {
    const bool ipv6 = protocol == Protocol::icmpv6;
    for (unsigned type = 0; type < 256; ++type) {
      INFO(protocol_name(protocol) << " " << type);
      const ExpectedIcmp kind = testing::expected_icmp(ipv6, type);
      const auto byte = static_cast<std::uint8_t>(type);

      Connection after;
      const bool changed = after.note({protocol, a, 0, byte, false, 0, 0, 0, {}});
      CHECK(changed == (kind == ExpectedIcmp::query));
      CHECK((after.state(b) == STATE_ESTABLISHED) == (kind == ExpectedIcmp::query));
      CHECK(after.state(a) == STATE_NEW);

      Connection asked;
      asked.note({protocol, a, 0, static_cast<std::uint8_t>(ipv6 ? 128 : 8), false, 0, 0, 0, {}});
      asked.note({protocol, b, 0, byte, false, 0, 0, 0, {}});
      const bool answered = kind == ExpectedIcmp::reply || kind == ExpectedIcmp::query;
      CHECK(asked.established() == answered);

      CHECK(is_icmp_error(protocol, byte) == (kind == ExpectedIcmp::error));
      CHECK_FALSE(is_icmp_error(Protocol::udp, byte));
    }
  }
}

}  // namespace nicsentry::connection_test
