// SPDX-License-Identifier: GPL-2.0-or-later
// The program's judgement of each combination of TCP flags on a connection that is closed, or whose answer is expected,
// observed in the kernel.
#include <catch2/catch.hpp>
#include <string>

#include "tests/support/firewall_bench.h"
#include "tests/support/packet_builder.h"
#include "tests/support/tcp_flags.h"
#include "tests/support/tries.h"

namespace nicsentry::testing {
namespace {

constexpr std::uint32_t kBeginsCounter = COUNTER_FIRST_RULE;
constexpr std::uint32_t kGoesOnCounter = COUNTER_FIRST_RULE + 1;
constexpr std::uint32_t kNoSegmentCounter = COUNTER_FIRST_RULE + 2;
constexpr std::uint16_t kClientPort = 40000;
constexpr std::uint16_t kServerPort = 443;

IpAddress address_of(bool ipv6, std::uint8_t last) {
  IpAddress address;
  address.version = ipv6 ? 6 : 4;
  address.bytes[0] = ipv6 ? 0xfd : 10;
  address.bytes[ipv6 ? 15 : 3] = last;
  return address;
}

Endpoint client_of(bool ipv6) { return {address_of(ipv6, 1), kClientPort}; }
Endpoint server_of(bool ipv6) { return {address_of(ipv6, 2), kServerPort}; }

Bytes segment_from(const Endpoint& from, const Endpoint& to, unsigned flags) {
  const Bytes frame = PacketBuilder().addresses(from.address, to.address).tcp(from.port, to.port).build();
  return changed(frame, frame.size() - 20 + 13, {low_byte(flags)});
}

// Accepts what is NEW, counts what is in each state, and drops the rest.
void count_by_state(FirewallBench& bench, TcpPickup pickup) {
  ChainRules chain;
  chain.accept_established = false;
  chain.default_action = RuleAction::drop;
  chain.tcp_pickup = pickup;
  Rule rule;
  rule.action = RuleAction::accept;
  for (const auto& [state, counter] : {std::pair{ConnectionState::new_session, kBeginsCounter},
                                       std::pair{ConnectionState::established, kGoesOnCounter},
                                       std::pair{ConnectionState::invalid, kNoSegmentCounter}}) {
    rule.match.state = state;
    rule.counter = counter;
    chain.rules.push_back(rule);
    rule.action = RuleAction::drop;
  }
  CompileInput input;
  input.rules = &chain;
  input.set_bit = [](const std::string& name) -> unsigned { throw Error("no set " + name); };
  input.place = bench.place(0);
  bench.fill(0, compile_chain(input).tables);
  bench.use(0);
}

// The state in which the program judges a packet.
std::string judged_state(FirewallBench& bench, const Bytes& frame) {
  const auto before = bench.counters(kNoSegmentCounter + 1);
  bench.drops(frame);
  const auto after = bench.counters(kNoSegmentCounter + 1);
  std::string seen;
  for (const auto& [counter, name] : {std::pair{kBeginsCounter, "NEW"}, std::pair{kGoesOnCounter, "ESTABLISHED"},
                                      std::pair{kNoSegmentCounter, "INVALID"}}) {
    if (after[counter].packets != before[counter].packets) seen += name;
  }
  return seen;
}

std::string expected_state(unsigned flags) {
  switch (expected_segment(flags)) {
    case ExpectedSegment::begins:
      return "NEW";
    case ExpectedSegment::goes_on:
      return "ESTABLISHED";
    case ExpectedSegment::invalid:
      return "INVALID";
  }
  return "";
}

TEST_CASE(
    "on a connection, open or closed, the program takes a SYN for NEW, and flags that no connection has for INVALID") {
  for (const std::string object : {"sentry_drv.o", "sentry_tc.o", "firewall_drv.o", "firewall_tc.o"}) {
    // With fewer tries: all flags of one program, and every seventh value of the others' flags.
    const unsigned step = object == "sentry_drv.o" || tries(100, 10) == 100 ? 1 : 7;
    FirewallBench bench(object);
    for (const TcpPickup pickup : {TcpPickup::loose, TcpPickup::strict}) {
      count_by_state(bench, pickup);
      for (const bool ipv6 : {false, true}) {
        const SessionKey key = normalise(client_of(ipv6), server_of(ipv6), Protocol::tcp).key;
        for (const std::uint32_t state : {STATE_CLOSED, STATE_ESTABLISHED}) {
          bench.know(key, state | state << SLOT_STATE_BITS);
          for (unsigned flags = 0; flags < 256; flags += step) {
            INFO(object << ", IPv" << (ipv6 ? 6 : 4) << ", state " << state << ", flags " << flags);
            CHECK(judged_state(bench, segment_from(client_of(ipv6), server_of(ipv6), flags)) == expected_state(flags));
            CHECK(judged_state(bench, segment_from(server_of(ipv6), client_of(ipv6), flags)) == expected_state(flags));
          }
          bench.forget(key);
        }
      }
    }
  }
}

TEST_CASE("an answer to a SYN that the host does not know yet has the flags of a segment that a connection has") {
  for (const char* object : {"sentry_drv.o", "sentry_tc.o"}) {
    FirewallRoom room;
    room.expectations = ANSWERS;
    FirewallBench bench(object, room);
    count_by_state(bench, TcpPickup::strict);
    for (unsigned flags = 0; flags < 256; ++flags) {
      INFO(object << ", flags " << flags);
      REQUIRE(judged_state(bench, segment_from(client_of(false), server_of(false), kSyn)) == "NEW");
      CHECK(judged_state(bench, segment_from(server_of(false), client_of(false), flags)) == expected_state(flags));
    }
  }
}

}  // namespace
}  // namespace nicsentry::testing
