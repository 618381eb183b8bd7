// SPDX-License-Identifier: GPL-2.0-or-later
// ICMPv6 errors that quote packets behind extension headers, as the program judges them in the kernel.
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "host/packet/parser.h"
#include "host/sessions/quoted_session.h"
#include "tests/support/firewall_bench.h"
#include "tests/support/packet_builder.h"
#include "tests/support/tries.h"

namespace nicsentry::testing {
namespace {

constexpr std::uint32_t kRelatedErrors = COUNTER_FIRST_RULE;
constexpr std::uint16_t kOurPort = 40000;
constexpr std::uint16_t kTheirPort = 443;

IpAddress quoted_address(std::uint8_t last) {
  IpAddress address;
  address.version = 6;
  address.bytes[0] = 0xfd;
  address.bytes[15] = last;
  return address;
}

const IpAddress kOurs = quoted_address(1);
const IpAddress kTheirs = quoted_address(2);
const IpAddress kRouter = quoted_address(3);

PacketBuilder ours() { return PacketBuilder().addresses(kOurs, kTheirs).tcp(kOurPort, kTheirPort); }

// An error to us: packet too big. The quote is the packet without its Ethernet header.
Bytes error_about(const Bytes& packet, std::size_t quoted = 1232) {
  Bytes message{2, 0, 0, 0, 0, 0, 5, 0};
  const std::size_t end = std::min(packet.size(), 14 + quoted);
  message.insert(message.end(), packet.begin() + 14, packet.begin() + static_cast<std::ptrdiff_t>(end));
  return PacketBuilder().addresses(kRouter, kOurs).transport(58, message).build();
}

// Accepts and counts what is RELATED; drops the rest.
void accept_related(FirewallBench& bench) {
  ChainRules chain;
  chain.default_action = RuleAction::drop;
  Rule related;
  related.action = RuleAction::accept;
  related.match.state = ConnectionState::related;
  related.counter = kRelatedErrors;
  chain.rules = {related};
  CompileInput input;
  input.rules = &chain;
  input.set_bit = [](const std::string& name) -> unsigned { throw Error("no set " + name); };
  input.place = bench.place(0);
  bench.fill(0, compile_chain(input).tables);
  bench.use(0);
}

bool is_related(FirewallBench& bench, const Bytes& frame) {
  const std::uint64_t before = bench.counters(kRelatedErrors + 1)[kRelatedErrors].packets;
  const bool dropped = bench.drops(frame);
  const bool related = bench.counters(kRelatedErrors + 1)[kRelatedErrors].packets != before;
  CHECK(dropped != related);
  return related;
}

SessionKey our_session() { return normalise({kOurs, kOurPort}, {kTheirs, kTheirPort}, Protocol::tcp).key; }

constexpr std::uint32_t kKnown = STATE_ESTABLISHED | STATE_ESTABLISHED << SLOT_STATE_BITS;
const std::vector<std::string> kHostObjects{"sentry_drv.o", "sentry_tc.o", "firewall_drv.o", "firewall_tc.o"};

TEST_CASE("an error is RELATED by the session of the quoted packet, also behind extension headers") {
  struct Row {
    std::string why;
    Bytes packet;
    bool related;
  };
  PacketBuilder eight = ours();
  PacketBuilder nine = ours().extension(0);
  for (int i = 0; i < 8; ++i) {
    eight.extension(60);
    nine.extension(60);
  }
  const std::vector<Row> rows{
      {"no extension header", ours().build(), true},
      {"hop-by-hop options", ours().extension(0).build(), true},
      {"destination options", ours().extension(60, 3).build(), true},
      {"a routing header", ours().extension(43, 2).build(), true},
      {"the first fragment", ours().ipv6_fragment(0, true).build(), true},
      {"the first fragment behind hop-by-hop options", ours().extension(0).ipv6_fragment(0, true).build(), true},
      {"options behind the fragment header", ours().ipv6_fragment(0, true).extension(60).build(), true},
      {"an authentication header", ours().extension(51, 4).build(), false},  // its unit is 4 bytes: no TCP there
      {"eight extension headers", eight.build(), true},
      {"nine extension headers", nine.build(), false},
      {"as far as the walk goes", ours().extension(60, 55).build(), true},
      {"farther than the walk goes", ours().extension(60, 56).build(), false},
      {"a later fragment", ours().ipv6_fragment(9, true).build(), false},
      {"ESP", PacketBuilder().addresses(kOurs, kTheirs).extension(60).transport(50, Bytes(16, 7)).build(), false},
      {"another port", ours().tcp(kOurPort + 1, kTheirPort).extension(60).build(), false},
      {"another protocol", ours().udp(kOurPort, kTheirPort).extension(60).build(), false},
      {"a packet of others",
       PacketBuilder().addresses(kRouter, kTheirs).tcp(kOurPort, kTheirPort).extension(60).build(), false},
  };
  for (const std::string& object : kHostObjects) {
    FirewallBench bench(object);
    accept_related(bench);
    bench.know(our_session(), kKnown);
    for (const Row& row : rows) {
      INFO(object << ": " << row.why);
      CHECK(is_related(bench, error_about(row.packet)) == row.related);
    }
    const Bytes options = ours().extension(0).ipv6_fragment(0, true).build();
    constexpr std::size_t kPortsEnd = 40 + 8 + 8 + 4;
    for (std::size_t quoted = 0; quoted < kPortsEnd + 4; ++quoted) {
      INFO(object << ": " << quoted << " bytes of the packet are quoted");
      CHECK(is_related(bench, error_about(options, quoted)) == (quoted >= kPortsEnd));
    }
    bench.forget(our_session());
    CHECK_FALSE(is_related(bench, error_about(options)));
  }
}

TEST_CASE("behind random extension headers the program and the host find the same quoted session") {
  const int kQuotes = tries(20000, 2000);
  for (const std::string& object : kHostObjects) {
    FirewallBench bench(object);
    accept_related(bench);
    bench.know(our_session(), kKnown);
    std::mt19937 random(20261130);
    const auto below = [&random](std::size_t limit) { return random() % limit; };
    int related = 0;
    for (int i = 0; i < kQuotes; ++i) {
      PacketBuilder builder = ours();
      for (std::size_t headers = below(10); headers > 0; --headers) {
        constexpr std::uint8_t kKinds[] = {0, 43, 60, 51, 135, 139, 140};
        if (below(5) == 0) {
          builder.ipv6_fragment(below(6) == 0 ? 3 : 0, below(2) == 0);
        } else {
          builder.extension(kKinds[below(std::size(kKinds))], static_cast<unsigned>(below(20) == 0 ? below(60) : 0));
        }
      }
      Bytes packet = builder.build();
      constexpr std::size_t kBehindIp = 14 + 40;
      if (below(4) == 0) packet.resize(kBehindIp + 1 + below(packet.size() - kBehindIp));
      if (below(8) == 0) packet[kBehindIp + below(packet.size() - kBehindIp)] ^= low_byte(1 + below(255));
      const Bytes frame = error_about(packet);
      const auto parsed = parse_packet(frame);
      REQUIRE(parsed);
      const bool expected = quoted_session(frame, *parsed) == our_session();
      INFO(object << ", quote " << i);
      CHECK(is_related(bench, frame) == expected);
      related += expected ? 1 : 0;
    }
    CHECK(related > kQuotes / 10);
    CHECK(related < kQuotes * 9 / 10);
  }
}

}  // namespace
}  // namespace nicsentry::testing
