// SPDX-License-Identifier: GPL-2.0-or-later
// The program's table of ICMP types, observed in the kernel: the state that a session gives to each type, and the types
// after which a reply is expected.
#include <catch2/catch.hpp>
#include <string>

#include "tests/support/firewall_bench.h"
#include "tests/support/icmp_kinds.h"
#include "tests/support/packet_builder.h"

namespace nicsentry::testing {
namespace {

constexpr std::uint32_t kBothStates = STATE_ESTABLISHED | STATE_RELATED;
constexpr std::uint32_t kEstablishedCounter = COUNTER_FIRST_RULE;
constexpr std::uint32_t kRelatedCounter = COUNTER_FIRST_RULE + 1;
constexpr std::uint32_t kAskingCounter = COUNTER_FIRST_RULE + 2;

// The two ends of the session that is tested with `type`; each type has a session of its own.
IpAddress end_of(bool ipv6, unsigned type, bool asking) {
  IpAddress address;
  address.version = ipv6 ? 6 : 4;
  address.bytes[0] = ipv6 ? 0xfd : 10;
  address.bytes[1] = asking ? 1 : 2;
  address.bytes[3] = low_byte(type);
  return address;
}

Bytes message(const IpAddress& source, const IpAddress& destination, unsigned type) {
  PacketBuilder builder;
  builder.addresses(source, destination);
  if (source.version == 6) return builder.icmpv6(low_byte(type)).build();
  return builder.icmp(low_byte(type)).build();
}

SessionKey session_of(const IpAddress& a, const IpAddress& b) {
  return normalise({a, 0}, {b, 0}, a.version == 6 ? Protocol::icmpv6 : Protocol::icmp).key;
}

// Accepts what is ESTABLISHED, what is RELATED, and what asking ends send, and counts each; drops the rest.
void use_rules(FirewallBench& bench) {
  ChainRules chain;
  chain.accept_established = false;
  chain.default_action = RuleAction::drop;
  Rule established;
  established.match.state = ConnectionState::established;
  established.counter = kEstablishedCounter;
  Rule related;
  related.match.state = ConnectionState::related;
  related.counter = kRelatedCounter;
  Rule asking;
  for (const bool ipv6 : {false, true}) {
    asking.match.source.ranges.push_back({end_of(ipv6, 0, true), end_of(ipv6, 255, true)});
  }
  asking.counter = kAskingCounter;
  chain.rules = {established, related, asking};
  for (Rule& rule : chain.rules) rule.action = RuleAction::accept;
  CompileInput input;
  input.rules = &chain;
  input.set_bit = [](const std::string& name) -> unsigned { throw Error("no set " + name); };
  input.place = bench.place(0);
  bench.fill(0, compile_chain(input).tables);
  bench.use(0);
}

std::uint64_t counted(const FirewallBench& bench, std::uint32_t counter) {
  return bench.counters(counter + 1)[counter].packets;
}

// The state in which the program judges a packet that the asking end does not send.
std::uint32_t state_seen(FirewallBench& bench, const Bytes& frame) {
  const std::uint64_t established = counted(bench, kEstablishedCounter);
  const std::uint64_t related = counted(bench, kRelatedCounter);
  bench.drops(frame);
  if (counted(bench, kEstablishedCounter) != established) return STATE_ESTABLISHED;
  if (counted(bench, kRelatedCounter) != related) return STATE_RELATED;
  return STATE_NEW;
}

TEST_CASE("of its session's states an ICMP packet has the one that its type can have") {
  for (const char* object : {"sentry.o", "sentry_drv.o", "sentry_tc.o", "firewall_drv.o"}) {
    FirewallBench bench(object);
    use_rules(bench);
    const bool on_card = std::string(object) == "sentry.o";  // elsewhere the quoted session decides on errors
    for (const bool ipv6 : {false, true}) {
      for (unsigned type = 0; type < 256; ++type) {
        const IpAddress source = end_of(ipv6, type, false);
        const IpAddress destination = end_of(ipv6, type, true);
        const SessionKey key = session_of(source, destination);
        const Bytes frame = message(source, destination, type);
        const ExpectedIcmp kind = expected_icmp(ipv6, type);
        for (std::uint32_t states = STATE_NEW; states <= kBothStates; ++states) {
          INFO(object << ", IPv" << (ipv6 ? 6 : 4) << ", type " << type << ", states " << states);
          bench.know(key, states | states << SLOT_STATE_BITS);
          const std::uint32_t possible = kind == ExpectedIcmp::reply              ? STATE_ESTABLISHED
                                         : kind == ExpectedIcmp::error && on_card ? STATE_RELATED
                                                                                  : STATE_NEW;
          CHECK(state_seen(bench, frame) == (states & possible));
          bench.forget(key);
        }
      }
    }
  }
}

TEST_CASE("a reply is expected after each ICMP query and after no other type") {
  for (const char* object : {"sentry_drv.o", "sentry_tc.o", "firewall_drv.o"}) {
    FirewallRoom room;
    room.expectations = ANSWERS;
    FirewallBench bench(object, room);
    use_rules(bench);
    for (const bool ipv6 : {false, true}) {
      const unsigned reply = ipv6 ? 129 : 0;
      for (unsigned type = 0; type < 256; ++type) {
        INFO(object << ", IPv" << (ipv6 ? 6 : 4) << ", type " << type);
        const IpAddress asking = end_of(ipv6, type, true);
        const IpAddress asked = end_of(ipv6, type, false);
        const std::uint64_t passed = counted(bench, kAskingCounter);
        CHECK_FALSE(bench.drops(message(asking, asked, type)));
        REQUIRE(counted(bench, kAskingCounter) == passed + 1);
        const bool query = expected_icmp(ipv6, type) == ExpectedIcmp::query;
        CHECK(state_seen(bench, message(asked, asking, reply)) == (query ? STATE_ESTABLISHED : STATE_NEW));
      }
    }
  }
}

}  // namespace
}  // namespace nicsentry::testing
