// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/rule_sets.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include "bpf_offload/types.h"
#include "tests/support/random_rules.h"

namespace nicsentry::testing {
namespace {

IpAddress ipv4_from(std::uint32_t number) {
  IpAddress address;
  for (unsigned i = 0; i < 4; ++i) address.bytes[i] = low_byte(number >> (24 - 8 * i));
  return address;
}

AddressMatch prefix(RandomRules& random) {
  AddressMatch match;
  if (random.chance(25)) return match;
  const auto length = static_cast<unsigned>(random.below(33));
  const auto address = static_cast<std::uint32_t>(random.below(std::uint64_t{1} << 32U));
  const std::uint32_t mask = length == 0 ? 0 : ~std::uint32_t{0} << (32 - length);
  match.ranges.push_back({ipv4_from(address & mask), ipv4_from(address | ~mask)});
  return match;
}

PortRange ports(RandomRules& random) {
  const auto first = static_cast<std::uint16_t>(random.below(65536));
  return {first, random.chance(50) ? first : static_cast<std::uint16_t>(first + random.below(65536U - first))};
}

// Returns the binary logarithm of the part of the packets that a rule matches, without regard to protocols.
double log_share(const RuleMatch& match) {
  double share = 0;
  for (const AddressMatch* end : {&match.source, &match.destination}) {
    if (!end->any()) share -= end->ranges.at(0).prefix_length().value();
  }
  for (const auto* range : {&match.source_ports, &match.destination_ports}) {
    double ports = range->empty() ? 65536 : 0;
    for (const PortRange& one : *range) ports += one.last - one.first + 1;
    share += std::log2(ports / 65536.0);
  }
  if (match.tcp_flags) share -= std::popcount(match.tcp_flags->mask);
  if (match.state) share -= 2;
  return share;
}

}  // namespace

ChainRules narrow_first(ChainRules chain) {
  std::stable_sort(chain.rules.begin(), chain.rules.end(),
                   [](const Rule& a, const Rule& b) { return log_share(a.match) < log_share(b.match); });
  return chain;
}

ChainRules mixed_rules(std::size_t count, std::uint64_t seed) {
  RandomRules random(seed);
  ChainRules chain;
  while (chain.rules.size() < count) {
    Rule rule;
    rule.match.source = prefix(random);
    rule.match.destination = prefix(random);
    const std::uint8_t protocol = random.chance(60) ? 6 : random.chance(75) ? 17 : 1;
    rule.match.protocols = {protocol};
    if (protocol != 1) {
      if (random.chance(40)) rule.match.source_ports = {ports(random)};
      if (random.chance(70)) rule.match.destination_ports = {ports(random)};
    }
    if (protocol == 6 && random.chance(30)) {
      rule.match.tcp_flags = TcpFlagsMatch{0x12, static_cast<std::uint8_t>(random.chance(50) ? 0x02 : 0x10)};
    }
    if (random.chance(30)) rule.match.state = static_cast<ConnectionState>(random.below(4));
    rule.action = random.chance(50) ? RuleAction::drop : RuleAction::accept;
    rule.counter = COUNTER_FIRST_RULE + static_cast<std::uint32_t>(chain.rules.size());
    chain.rules.push_back(rule);
  }
  return chain;
}

ChainRules port_rules(std::size_t count, std::uint64_t seed) {
  RandomRules random(seed);
  const auto range = [&random] {
    const auto first = static_cast<std::uint16_t>(random.below(65535));
    return PortRange{first, static_cast<std::uint16_t>(first + 1 + random.below(65535U - first))};
  };
  ChainRules chain;
  while (chain.rules.size() < count) {
    Rule rule;
    rule.match.protocols = {static_cast<std::uint8_t>(random.chance(50) ? 6 : 17)};
    rule.match.source_ports = {range()};
    rule.match.destination_ports = {range()};
    rule.action = random.chance(50) ? RuleAction::drop : RuleAction::accept;
    rule.counter = COUNTER_FIRST_RULE + static_cast<std::uint32_t>(chain.rules.size());
    chain.rules.push_back(rule);
  }
  return narrow_first(chain);
}

ChainRules plain_rules(std::size_t count) {
  std::mt19937 random(1);
  ChainRules chain;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t source = 0x0a000000U | (random() & 0xffff00U);
    const std::uint32_t destination = 0xc0a80000U | (random() & 0xffffU);
    Rule rule;
    rule.match.source.ranges.push_back({ipv4_from(source), ipv4_from(source | 0xffU)});
    rule.match.destination.ranges.push_back({ipv4_from(destination), ipv4_from(destination)});
    rule.match.protocols = {static_cast<std::uint8_t>(i % 3 == 0 ? 17 : 6)};
    const auto port = static_cast<std::uint16_t>(1 + random() % 10000);
    rule.match.destination_ports = {{port, static_cast<std::uint16_t>(i % 4 == 0 ? port + 100 : port)}};
    rule.action = RuleAction::drop;
    rule.counter = COUNTER_FIRST_RULE + static_cast<std::uint32_t>(i);
    chain.rules.push_back(rule);
  }
  return chain;
}

}  // namespace nicsentry::testing
