// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <string>

#include "host/enforce/enforcing_attachment.h"
#include "host/rules/compile/compile.h"
#include "host/rules/compile/hidden_rules.h"
#include "host/rules/sets/address_sets.h"
#include "tests/support/packet_builder.h"
#include "tests/support/rule_sets.h"

namespace nicsentry::testing {
namespace {

unsigned no_sets(const std::string& name) { throw Error("no set " + name); }

TEST_CASE("5,000 mixed rules fit into a bank") {
  const ChainRules chain = mixed_rules(5000, 7);
  CompileInput input;
  input.rules = &chain;
  input.set_bit = no_sets;
  const Compiled compiled = compile_chain(input);
  WARN("5,000 mixed rules: " << compiled.row_count() << " bit vectors, " << compiled.tables.bits.size()
                             << " elements of rule_bits, " << compiled.tables.nodes.size() << " of interval_nodes");
  CHECK(compiled.tables.bits.size() <= input.place.bits);
  CHECK(compiled.tables.nodes.size() <= input.place.nodes);
}

IpAddress ipv4(std::uint32_t number) {
  IpAddress address;
  for (unsigned i = 0; i < 4; ++i) address.bytes[i] = low_byte(number >> (24 - 8 * i));
  return address;
}

IpAddress ipv6(std::uint64_t high, std::uint64_t low) {
  IpAddress address;
  address.version = 6;
  for (unsigned i = 0; i < 8; ++i) {
    address.bytes[i] = low_byte(high >> (56 - 8 * i));
    address.bytes[8 + i] = low_byte(low >> (56 - 8 * i));
  }
  return address;
}

// Returns one address and one prefix for each number; no two of them touch.
AddressRange single(std::uint32_t i) {
  const IpAddress address = i % 4 == 0 ? ipv6(0x20010db800000000 + i * std::uint64_t{7}, i) : ipv4(i * 0x9e3779b1U);
  return {address, address};
}
AddressRange net(std::uint32_t i) {
  if (i % 4 == 0)
    return {ipv6(0x2a00000000000000 + (std::uint64_t{i} << 17U), 0),
            ipv6(0x2a00000000000000 + (std::uint64_t{i} << 17U) + 0xffff, ~std::uint64_t{0})};
  return {ipv4(i << 14U), ipv4((i << 14U) + 255)};
}

TEST_CASE("1,000,000 addresses and 50,000 prefixes fit into sets, and are changed there", "[slow]") {
  constexpr std::uint32_t kSingles = 1'000'000;
  constexpr std::uint32_t kNets = 50'000;
  AddressSets sets(set_room(FirewallSize{}), {0x2545f491, 0x4f6cdd1d, 0x9e3779b9, 0x7f4a7c15});
  sets.create("nets");
  std::vector<SetEntry> entries;
  for (std::uint32_t i = 0; i < kSingles; ++i) entries.push_back({single(i), {}});
  const SetUpdate addresses = sets.add(kBlockedSet, entries);
  entries.clear();
  for (std::uint32_t i = 0; i < kNets; ++i) entries.push_back({net(i), {}});
  const SetUpdate nets = sets.add("nets", entries);
  std::size_t nodes = 0;
  for (const SetUpdate::Step& step : nets.steps) nodes += step.nodes.size();
  WARN("1,000,000 addresses: " << addresses.steps.size() << " steps; 50,000 prefixes: " << nodes
                               << " elements of interval_nodes, of " << set_room(FirewallSize{}).nodes);
  CHECK(sets.size(kBlockedSet) == kSingles);
  // At this fill, removed addresses make room for others.
  std::size_t longest = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    sets.remove_entries(kBlockedSet, std::vector{single(i)});
    longest = std::max(longest, sets.add(kBlockedSet, std::vector{SetEntry{single(kSingles + i), {}}}).steps.size());
    sets.remove_entries("nets", std::vector{net(i * 37)});
    sets.add("nets", std::vector{SetEntry{net(kNets + i), {}}});
  }
  CHECK(longest <= 8);
  CHECK(sets.contains(kBlockedSet, single(kSingles + 999).first));
  CHECK_FALSE(sets.contains(kBlockedSet, single(999).first));
  CHECK(sets.size(kBlockedSet) == kSingles);
  CHECK(sets.size("nets") == kNets);
}

TEST_CASE("the maps of two ports have room on one card") {
  const FirewallSize size;
  const std::uint64_t port = map_elements({DEFAULT_SESSIONS, DEFAULT_BUCKET_BITS}, size);
  WARN("the maps of a port: " << port << " elements of " << kCardElements);
  CHECK(2 * port < kCardElements);
}

TEST_CASE("rules that do not fit are refused with the value and the largest group") {
  const ChainRules chain = mixed_rules(2000, 8);
  CompileInput input;
  input.rules = &chain;
  input.set_bit = no_sets;
  input.place.bits = 10000;
  CHECK_THROWS_WITH(compile_chain(input), Catch::Contains("elements of rule_bits") &&
                                              Catch::Contains("room for 10000") &&
                                              Catch::Contains("the largest group") && Catch::Contains("rules with "));
  input.place.bits = DEFAULT_RULE_BITS / 2;
  input.place.nodes = 100;
  CHECK_THROWS_WITH(compile_chain(input), Catch::Contains("elements of interval_nodes; there is room for 100"));
}

TEST_CASE("too many counting rules for one packet are refused by their numbers") {
  ChainRules chain;
  for (unsigned i = 0; i < 7; ++i) {
    Rule rule;
    rule.action = RuleAction::count;
    rule.match.destination_ports = {PortRange{80, static_cast<std::uint16_t>(90 + i)}};
    chain.rules.push_back(rule);
  }
  CompileInput input;
  input.rules = &chain;
  input.set_bit = no_sets;
  CHECK_THROWS_WITH(compile_chain(input), Catch::Contains("rules 0, 1, 2, 3, 4, 5, 6") && Catch::Contains("at most 6"));
  chain.rules.pop_back();
  CHECK_NOTHROW(compile_chain(input));
}

TEST_CASE("a rule is hidden or redundant if an earlier rule decides all its packets") {
  ChainRules chain;
  const auto add = [&chain](std::uint16_t first, std::uint16_t last, RuleAction action) {
    Rule rule;
    rule.match.protocols = {6};
    rule.match.destination_ports = {PortRange{first, last}};
    rule.action = action;
    chain.rules.push_back(rule);
  };
  add(1000, 2000, RuleAction::drop);
  add(1500, 1600, RuleAction::accept);
  add(1000, 2000, RuleAction::drop);
  add(1500, 2001, RuleAction::drop);
  CompileInput input;
  input.rules = &chain;
  input.set_bit = no_sets;
  const auto hidden = hidden_rules(input);
  REQUIRE(hidden.size() == 2);
  CHECK((hidden[0].rule == 1 && hidden[0].by == 0 && !hidden[0].same_action));
  CHECK((hidden[1].rule == 2 && hidden[1].by == 0 && hidden[1].same_action));
  chain.rules[2].log_every = 1;  // its packets would be in the log
  CHECK_FALSE(hidden_rules(input).at(1).same_action);
}

}  // namespace
}  // namespace nicsentry::testing
