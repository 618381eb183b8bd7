// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/compile/match_row.h"

#include <netinet/in.h>

#include <algorithm>

#include "bpf_offload/facts.h"
#include "host/packet/tcp_flags.h"

namespace nicsentry {
namespace {

KeyRanges ranges_of(const std::vector<AddressRange>& ranges, std::uint8_t version) {
  KeyRanges keys;
  for (const AddressRange& range : ranges) {
    if (range.first.version == version) {
      keys.push_back({address_number(range.first), address_number(range.last)});
    }
  }
  return normalised(std::move(keys));
}

SetMask mask_of(const std::vector<std::string>& sets, const SetBit& set_bit) {
  SetMask mask = 0;
  for (const std::string& set : sets) {
    mask |= SetMask{1} << set_bit(set);
  }
  return mask;
}

// Returns the alternatives of an address: its ranges and its sets.
std::vector<AddressCondition> conditions_of(const AddressMatch& match, const SetBit& set_bit) {
  const KeyRanges all4{{0, kLastIpv4}};
  const KeyRanges all6{{0, kLastIpv6}};
  const KeyRanges except4 = ranges_of(match.except_ranges, 4);
  const KeyRanges except6 = ranges_of(match.except_ranges, 6);
  const SetMask none_of = mask_of(match.except_sets, set_bit);
  std::vector<AddressCondition> conditions;
  if (!match.ranges.empty()) {
    conditions.push_back({difference(ranges_of(match.ranges, 4), except4),
                          difference(ranges_of(match.ranges, 6), except6),
                          {},
                          none_of});
  }
  if (!match.sets.empty() || match.ranges.empty()) {
    AddressCondition condition{difference(all4, except4), difference(all6, except6), {}, none_of};
    if (!match.sets.empty()) {
      condition.any_of.push_back(mask_of(match.sets, set_bit));
    }
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

template <typename Value>
bool agree(const std::optional<Value>& a, const std::optional<Value>& b, std::optional<Value>& both) {
  both = a ? a : b;
  return !a || !b || *a == *b;
}

bool agree(const std::optional<KeyRanges>& a, const std::optional<KeyRanges>& b, std::optional<KeyRanges>& both) {
  if (!a || !b) {
    both = a ? a : b;
    return true;
  }
  both = intersection(*a, *b);
  return !both->empty();
}

bool agree(const std::optional<ProtocolSet>& a, const std::optional<ProtocolSet>& b, std::optional<ProtocolSet>& both) {
  if (!a || !b) {
    both = a ? a : b;
    return true;
  }
  both = *a & *b;
  return both->any();
}

std::optional<KeyRanges> keys_of(const std::vector<PortRange>& ports) {
  if (ports.empty()) {
    return std::nullopt;
  }
  KeyRanges keys;
  for (const PortRange& range : ports) {
    keys.push_back({range.first, range.last});
  }
  return keys;
}

// A code is asked for together with its type.
std::optional<KeyRanges> icmp_of(const RuleMatch& match) {
  constexpr std::uint32_t kCodes = 1U << ICMP_KEY_TYPE_SHIFT;
  if (match.number(NumberField::icmp_type).empty()) {
    return std::nullopt;
  }
  NumberRanges codes = match.number(NumberField::icmp_code);
  if (codes.empty()) {
    codes.push_back({0, kCodes - 1});
  }
  KeyRanges keys;
  for (const PortRange& types : match.number(NumberField::icmp_type)) {
    for (std::uint32_t type = types.first; type <= types.last; ++type) {
      for (const PortRange& range : codes) {
        keys.push_back({type * kCodes + range.first, type * kCodes + range.last});
      }
    }
  }
  return normalised(std::move(keys));
}

std::array<std::optional<KeyRanges>, HOST_FIELDS> fields_of(const RuleMatch& match) {
  std::array<std::optional<KeyRanges>, HOST_FIELDS> fields;
  fields[FIELD_LENGTH] = keys_of(match.number(NumberField::length));
  fields[FIELD_DSCP] = keys_of(match.number(NumberField::dscp));
  fields[FIELD_TTL] = keys_of(match.number(NumberField::ttl));
  fields[FIELD_VLAN] = keys_of(match.number(NumberField::vlan));
  return fields;
}

bool agree(const MatchRow& a, const MatchRow& b, MatchRow& both) {
  bool possible = agree(a.icmp, b.icmp, both.icmp);
  for (std::size_t field = 0; field < both.fields.size(); ++field) {
    possible = agree(a.fields.at(field), b.fields.at(field), both.fields.at(field)) && possible;
  }
  return possible && !(both.icmp && both.asks_ports());
}

std::optional<ProtocolSet> set_of(const std::vector<std::uint8_t>& protocols) {
  if (protocols.empty()) {
    return std::nullopt;
  }
  ProtocolSet set;
  for (const std::uint8_t protocol : protocols) {
    set.set(protocol);
  }
  return set;
}

AddressCondition both_of(const AddressCondition& a, const AddressCondition& b) {
  AddressCondition both{intersection(a.ipv4, b.ipv4), intersection(a.ipv6, b.ipv6), a.any_of, a.none_of | b.none_of};
  both.any_of.insert(both.any_of.end(), b.any_of.begin(), b.any_of.end());
  return both;
}

bool covers(const AddressCondition& outer, const AddressCondition& inner) {
  const bool groups = std::all_of(outer.any_of.begin(), outer.any_of.end(), [&inner](SetMask group) {
    return std::any_of(inner.any_of.begin(), inner.any_of.end(), [group](SetMask own) { return (own & ~group) == 0; });
  });
  return groups && (outer.none_of & ~inner.none_of) == 0 && nicsentry::covers(outer.ipv4, inner.ipv4) &&
         nicsentry::covers(outer.ipv6, inner.ipv6);
}

bool covers(const std::optional<KeyRanges>& outer, const std::optional<KeyRanges>& inner) {
  return !outer || (inner && nicsentry::covers(*outer, *inner));
}

bool covers(const std::optional<ProtocolSet>& outer, const std::optional<ProtocolSet>& inner) {
  return !outer || (inner && (*inner & ~*outer).none());
}

}  // namespace

KeyRanges normalised(KeyRanges ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const KeyRange& a, const KeyRange& b) { return a.first < b.first; });
  KeyRanges joined;
  for (const KeyRange& range : ranges) {
    if (!joined.empty() && (range.first <= joined.back().last || range.first - 1 == joined.back().last)) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

KeyRanges intersection(const KeyRanges& a, const KeyRanges& b) {
  KeyRanges both;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const Uint128 first = std::max(a[i].first, b[j].first);
    const Uint128 last = std::min(a[i].last, b[j].last);
    if (first <= last) {
      both.push_back({first, last});
    }
    (a[i].last < b[j].last ? i : j) += 1;
  }
  return both;
}

KeyRanges difference(const KeyRanges& a, const KeyRanges& b) {
  KeyRanges left;
  for (KeyRange range : a) {
    bool rest = true;
    for (const KeyRange& hole : b) {
      if (hole.last < range.first || hole.first > range.last) {
        continue;
      }
      if (hole.first > range.first) {
        left.push_back({range.first, hole.first - 1});
      }
      rest = hole.last < range.last;
      if (!rest) {
        break;
      }
      range.first = hole.last + 1;
    }
    if (rest) {
      left.push_back(range);
    }
  }
  return left;
}

bool covers(const KeyRanges& outer, const KeyRanges& inner) { return intersection(outer, inner) == inner; }

Uint128 address_number(const IpAddress& address) {
  Uint128 number = 0;
  for (std::size_t i = 0; i < (address.version == 4 ? 4U : 16U); ++i) {
    number = number << 8U | address.bytes[i];
  }
  return number;
}

bool AddressCondition::accepts(SetMask sets) const {
  return (sets & none_of) == 0 &&
         std::all_of(any_of.begin(), any_of.end(), [sets](SetMask group) { return (sets & group) != 0; });
}

bool MatchRow::accepts_misc(std::uint32_t key) const {
  const auto its_protocol = static_cast<std::uint8_t>(facts_protocol(key));
  const bool header = (key & FACT_NO_HEADER) == 0;
  const bool tcp = header && its_protocol == IPPROTO_TCP;
  auto its_state = static_cast<ConnectionState>(facts_state(key));
  const bool later_fragment = !header && facts_state(key) == STATE_LATER_FRAGMENT;
  if (later_fragment) {
    its_state = ConnectionState::established;
  } else if (later_fragments) {
    return false;
  }
  if (tcp && its_state == ConnectionState::new_session && !can_begin(static_cast<std::uint8_t>(key), tcp_pickup)) {
    its_state = ConnectionState::invalid;
  }
  if ((protocols && !protocols->test(its_protocol)) || (state && *state != its_state)) {
    return false;
  }
  if (asks_ports() && (!header || (its_protocol != IPPROTO_TCP && its_protocol != IPPROTO_UDP))) {
    return false;
  }
  if (icmp && (!header || (its_protocol != IPPROTO_ICMP && its_protocol != IPPROTO_ICMPV6))) {
    return false;
  }
  return !asks_flags() || (tcp && (key & tcp_flags.mask) == tcp_flags.value);
}

bool MatchRow::asks_fields() const {
  return icmp || std::any_of(fields.begin(), fields.end(), [](const auto& field) { return field.has_value(); });
}

std::vector<MatchRow> rows_of(const ChainRules& chain, std::uint32_t number, const SetBit& set_bit) {
  const Rule& rule = chain.rules[number];
  std::vector<MatchRow> rows;
  const auto destinations = conditions_of(rule.match.destination, set_bit);
  for (const AddressCondition& source : conditions_of(rule.match.source, set_bit)) {
    for (const AddressCondition& destination : destinations) {
      rows.push_back({number, source, destination, keys_of(rule.match.source_ports),
                      keys_of(rule.match.destination_ports), icmp_of(rule.match), fields_of(rule.match),
                      set_of(rule.match.protocols), rule.match.tcp_flags.value_or(TcpFlagsMatch{}), rule.match.state,
                      chain.tcp_pickup});
    }
  }
  return rows;
}

std::optional<MatchRow> intersection(const MatchRow& a, const MatchRow& b) {
  MatchRow both;
  both.rule = b.rule;
  both.source = both_of(a.source, b.source);
  both.destination = both_of(a.destination, b.destination);
  both.later_fragments = a.later_fragments || b.later_fragments;
  const std::uint8_t common = a.tcp_flags.mask & b.tcp_flags.mask;
  both.tcp_flags = {static_cast<std::uint8_t>(a.tcp_flags.mask | b.tcp_flags.mask),
                    static_cast<std::uint8_t>(a.tcp_flags.value | b.tcp_flags.value)};
  const bool ipv4 = !both.source.ipv4.empty() && !both.destination.ipv4.empty();
  const bool ipv6 = !both.source.ipv6.empty() && !both.destination.ipv6.empty();
  const bool possible = (ipv4 || ipv6) && (a.tcp_flags.value & common) == (b.tcp_flags.value & common) &&
                        agree(a.source_ports, b.source_ports, both.source_ports) &&
                        agree(a.destination_ports, b.destination_ports, both.destination_ports) && agree(a, b, both) &&
                        agree(a.protocols, b.protocols, both.protocols) && agree(a.state, b.state, both.state);
  return possible ? std::optional(std::move(both)) : std::nullopt;
}

bool covers(const MatchRow& outer, const MatchRow& inner) {
  const bool flags = (outer.tcp_flags.mask & ~inner.tcp_flags.mask) == 0 &&
                     (inner.tcp_flags.value & outer.tcp_flags.mask) == outer.tcp_flags.value;
  return flags && covers(outer.protocols, inner.protocols) && (!outer.state || outer.state == inner.state) &&
         (!outer.asks_ports() || inner.asks_ports()) && covers(outer.source_ports, inner.source_ports) &&
         covers(outer.destination_ports, inner.destination_ports) && covers(outer.icmp, inner.icmp) &&
         std::equal(outer.fields.begin(), outer.fields.end(), inner.fields.begin(),
                    [](const auto& wide, const auto& narrow) { return covers(wide, narrow); }) &&
         covers(outer.source, inner.source) && covers(outer.destination, inner.destination);
}

}  // namespace nicsentry
