// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule_set.h"

#include <utility>

#include "bpf_offload/facts.h"
#include "classifier.h"
#include "host/base/error.h"
#include "host/rules/compile/compile.h"
#include "host/rules/compile/hidden_rules.h"
#include "tests/support/naive_firewall.h"
#include "tests/support/random_rules.h"

namespace nicsentry::bench {
namespace {

using testing::PacketFields;
using testing::RandomRules;

IpAddress ipv4(std::uint32_t number) {
  IpAddress address;
  for (unsigned i = 0; i < 4; ++i) address.bytes[i] = testing::low_byte(number >> (24 - 8 * i));
  return address;
}

std::uint32_t number(const IpAddress& address) { return static_cast<std::uint32_t>(address_number(address)); }

void set_prefix(const AddressMatch& match, std::uint32_t& address, std::uint8_t& length) {
  if (match.any()) return;
  const auto prefix = match.ranges.size() == 1 ? match.ranges[0].prefix_length() : std::nullopt;
  if (!prefix || match.ranges[0].first.version != 4 || !match.sets.empty() || !match.except_ranges.empty() ||
      !match.except_sets.empty()) {
    throw Error("only IPv4 prefixes are compared");
  }
  address = number(match.ranges[0].first);
  length = static_cast<std::uint8_t>(*prefix);
}

unsigned no_sets(const std::string& name) { throw Error("no set " + name); }

RuleEntry entry_of(const RuleMatch& match, std::size_t rule) {
  RuleEntry entry;
  set_prefix(match.source, entry.source, entry.source_length);
  set_prefix(match.destination, entry.destination, entry.destination_length);
  const auto set_ports = [&entry](const std::vector<PortRange>& ranges, std::uint16_t(&ports)[2]) {
    if (ranges.empty()) return;
    if (ranges.size() > 1) throw Error("only single ranges of ports are compared");
    ports[0] = ranges.front().first;
    ports[1] = ranges.front().last;
    entry.asks |= RuleEntry::kAsksPorts;
  };
  set_ports(match.source_ports, entry.source_ports);
  set_ports(match.destination_ports, entry.destination_ports);
  if (match.protocols.size() > 1) throw Error("only single protocols are compared");
  entry.protocol = match.protocols.empty() ? 0 : match.protocols.front();
  entry.flags_mask = match.tcp_flags.value_or(TcpFlagsMatch{}).mask;
  entry.flags_value = match.tcp_flags.value_or(TcpFlagsMatch{}).value;
  if (match.protocols.empty()) entry.asks |= RuleEntry::kAnyProtocol;
  entry.asks |= match.state ? static_cast<std::uint8_t>(*match.state) : RuleEntry::kAnyState;
  entry.rule = static_cast<std::uint16_t>(rule);
  return entry;
}

bool begins_no_session(const PacketFields& fields) {
  constexpr unsigned kHandshake = 0x17;
  constexpr unsigned kSyn = 0x02;
  return fields.header && fields.protocol == 6 && (fields.tcp_flags & kHandshake) != kSyn;
}

PacketFields near_rules(RandomRules& random, const ChainRules& chain) {
  RandomRules::Packet packet = random.packet(chain, {});
  while (packet.fields.source.version != 4) packet = random.packet(chain, {});
  PacketFields fields = packet.fields;
  if (fields.header && (fields.protocol == 6 || fields.protocol == 17) && random.chance(50)) {
    fields.state = static_cast<ConnectionState>(1 + random.below(3));
  }
  return fields;
}

PacketFields within_a_rule(RandomRules& random, const RuleSet& set) {
  const RuleEntry& rule = set.entries[random.below(set.entries.size())];
  const auto within = [&random](std::uint16_t first, std::uint16_t last) {
    return static_cast<std::uint16_t>(first + random.below(std::uint64_t{last} - first + 1));
  };
  const auto any = [&random] { return static_cast<std::uint32_t>(random.below(std::uint64_t{1} << 32U)); };
  PacketFields fields;
  fields.source = ipv4(rule.source | (any() & ~mask_of(rule.source_length)));
  fields.destination = ipv4(rule.destination | (any() & ~mask_of(rule.destination_length)));
  fields.protocol = rule.protocol;
  fields.source_port = within(rule.source_ports[0], rule.source_ports[1]);
  fields.destination_port = within(rule.destination_ports[0], rule.destination_ports[1]);
  fields.tcp_flags = static_cast<std::uint8_t>(random.chance(50) ? 0x02 : random.below(256));
  fields.tcp_flags = static_cast<std::uint8_t>((fields.tcp_flags & ~rule.flags_mask) | rule.flags_value);
  fields.state = static_cast<ConnectionState>(rule.any_state() ? random.below(4) : rule.state());
  return fields;
}

Packet packet_of(const PacketFields& fields) {
  const bool ports = fields.header && (fields.protocol == 6 || fields.protocol == 17);
  Packet packet;
  packet.source = number(fields.source);
  packet.destination = number(fields.destination);
  packet.source_port = ports ? fields.source_port : std::uint16_t{0};
  packet.destination_port = ports ? fields.destination_port : std::uint16_t{0};
  packet.misc = std::uint32_t{fields.protocol} << FACT_PROTOCOL_SHIFT | (fields.header ? 0 : FACT_NO_HEADER) |
                static_cast<std::uint32_t>(fields.state) << FACT_STATE_SHIFT |
                (fields.header && fields.protocol == 6 ? fields.tcp_flags : 0U);
  return packet;
}

}  // namespace

RuleSet rule_set(const std::string& kind, ChainRules chain) {
  RuleSet set;
  set.kind = kind;
  set.chain = std::move(chain);
  set.chain.accept_established = false;  // rules decide on all packets
  for (std::size_t i = 0; i < set.chain.rules.size(); ++i) {
    set.entries.push_back(entry_of(set.chain.rules[i].match, i));
    set.rows.push_back(rows_of(set.chain, static_cast<std::uint32_t>(i), no_sets).at(0));
  }
  CompileInput input;
  input.rules = &set.chain;
  input.set_bit = no_sets;
  set.hidden = hidden_rules(input).size();
  return set;
}

Trace trace(const RuleSet& set, std::size_t packets, std::uint64_t seed) {
  RandomRules random(seed);
  const testing::NaiveSets nothing_blocked{{"blocked", {}}};
  Trace made;
  while (made.packets.size() < packets) {
    PacketFields fields = random.chance(50) ? near_rules(random, set.chain) : within_a_rule(random, set);
    if (fields.state == ConnectionState::new_session && begins_no_session(fields)) {
      fields.state = ConnectionState::invalid;
    }
    made.packets.push_back(packet_of(fields));
    const auto rule = testing::judge(set.chain, false, nothing_blocked, fields).rule;
    made.rules.push_back(rule ? static_cast<std::uint32_t>(*rule) : kNoRule);
  }
  return made;
}

}  // namespace nicsentry::bench
