// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/naive_firewall.h"

#include "bpf_offload/types.h"
#include "tests/support/icmp_kinds.h"
#include "tests/support/tcp_flags.h"

namespace nicsentry::testing {
namespace {

bool within(const AddressRange& range, const IpAddress& address) {
  return range.first.version == address.version && range.first.bytes <= address.bytes &&
         address.bytes <= range.last.bytes;
}

bool within(const std::vector<AddressRange>& ranges, const IpAddress& address) {
  for (const AddressRange& range : ranges) {
    if (within(range, address)) return true;
  }
  return false;
}

bool within(const NaiveSets& sets, const std::vector<std::string>& names, const IpAddress& address) {
  for (const std::string& name : names) {
    if (within(sets.at(name), address)) return true;
  }
  return false;
}

bool matches(const AddressMatch& match, const NaiveSets& sets, const IpAddress& address) {
  if (within(match.except_ranges, address) || within(sets, match.except_sets, address)) return false;
  if (match.ranges.empty() && match.sets.empty()) return true;
  return within(match.ranges, address) || within(sets, match.sets, address);
}

bool matches(const std::vector<PortRange>& ranges, std::uint16_t port, const PacketFields& packet) {
  if (ranges.empty()) return true;
  if (!packet.header || (packet.protocol != 6 && packet.protocol != 17)) return false;
  for (const PortRange& range : ranges) {
    if (range.first <= port && port <= range.last) return true;
  }
  return false;
}

bool matches(const std::vector<PortRange>& ranges, unsigned number) {
  for (const PortRange& range : ranges) {
    if (range.first <= number && number <= range.last) return true;
  }
  return ranges.empty();
}

bool matches_numbers(const RuleMatch& match, const PacketFields& packet) {
  const std::vector<PortRange>& types = match.numbers[0];
  const std::vector<PortRange>& codes = match.numbers[1];
  const bool icmp = packet.header && (packet.protocol == 1 || packet.protocol == 58);
  if (!icmp && (!types.empty() || !codes.empty())) return false;
  if (icmp && !(matches(types, packet.icmp_type) && matches(codes, packet.icmp_code))) return false;
  if (packet.unjudged && !match.numbers[2].empty()) return false;
  return (packet.unjudged || matches(match.numbers[2], packet.length)) && matches(match.numbers[3], packet.dscp) &&
         matches(match.numbers[4], packet.ttl) && matches(match.numbers[5], packet.vlan);
}

bool matches(const std::vector<std::uint8_t>& protocols, std::uint8_t protocol) {
  for (const std::uint8_t one : protocols) {
    if (one == protocol) return true;
  }
  return protocols.empty();
}

bool matches(const RuleMatch& match, const NaiveSets& sets, const PacketFields& packet) {
  if (!matches(match.protocols, packet.protocol)) return false;
  if (match.state && *match.state != packet.state) return false;
  if (match.tcp_flags && (!packet.header || packet.protocol != 6 ||
                          (packet.tcp_flags & match.tcp_flags->mask) != match.tcp_flags->value)) {
    return false;
  }
  return matches_numbers(match, packet) && matches(match.source_ports, packet.source_port, packet) &&
         matches(match.destination_ports, packet.destination_port, packet) &&
         matches(match.source, sets, packet.source) && matches(match.destination, sets, packet.destination);
}

}  // namespace

ConnectionState state_within(std::uint32_t state, const PacketFields& packet, Where where) {
  if (where == Where::host && packet.protocol == 6 && (state == STATE_RELATED || state == STATE_ESTABLISHED)) {
    switch (expected_segment(packet.tcp_flags)) {
      case ExpectedSegment::begins:
        return ConnectionState::new_session;
      case ExpectedSegment::goes_on:
        return ConnectionState::established;
      case ExpectedSegment::invalid:
        return ConnectionState::invalid;
    }
  }
  if (packet.protocol == 6 || packet.protocol == 17) return static_cast<ConnectionState>(state);
  const ExpectedIcmp kind = expected_icmp(packet.protocol == 58, packet.icmp_type);
  if (kind == ExpectedIcmp::reply && (state == STATE_ESTABLISHED || state == 3)) return ConnectionState::established;
  if (where == Where::card && kind == ExpectedIcmp::error && (state == STATE_RELATED || state == 3)) {
    return ConnectionState::related;
  }
  return ConnectionState::new_session;
}

NaiveVerdict judge(const ChainRules& chain, bool egress, const NaiveSets& sets, const PacketFields& packet,
                   const std::function<bool(std::size_t rule)>& beyond) {
  NaiveVerdict verdict;
  const bool restricts =
      !chain.rules.empty() || chain.default_action == RuleAction::drop || !sets.at("blocked").empty();
  if (packet.unjudged && chain.drop_unjudged && restricts) {
    verdict.drop = verdict.unjudged = true;
    return verdict;
  }
  if (within(sets.at("blocked"), egress ? packet.destination : packet.source)) {
    verdict.drop = verdict.blocked = true;
    return verdict;
  }
  const bool established = chain.accept_established && packet.state == ConnectionState::established;
  const bool limits_only = established && !packet.later_fragment;
  for (std::size_t i = 0; i < chain.rules.size(); ++i) {
    if (!matches(chain.rules[i].match, sets, packet)) continue;
    if (chain.rules[i].action == RuleAction::limit) {
      if (!beyond || !beyond(i)) continue;
      verdict.rule = i;
      verdict.drop = true;
      verdict.logged = chain.rules[i].log_every != 0;
      return verdict;
    }
    if (limits_only && chain.rules[i].action == RuleAction::count) continue;
    if (limits_only) break;
    if (chain.rules[i].action == RuleAction::count) {
      verdict.counting.push_back(i);
      continue;
    }
    verdict.rule = i;
    verdict.drop = chain.rules[i].action == RuleAction::drop;
    verdict.logged = chain.rules[i].action == RuleAction::log || chain.rules[i].log_every != 0;
    return verdict;
  }
  verdict.drop = chain.default_action == RuleAction::drop && !established;
  verdict.established = limits_only || (established && chain.default_action == RuleAction::drop);
  return verdict;
}

}  // namespace nicsentry::testing
