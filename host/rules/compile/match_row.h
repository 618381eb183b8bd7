// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/rules/compile/tables.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/set_mask.h"

namespace nicsentry {

__extension__ using Uint128 = unsigned __int128;

// Keys from first to last, both included; lists of them are sorted and neither overlap nor touch.
struct KeyRange {
  Uint128 first = 0;
  Uint128 last = 0;

  bool operator==(const KeyRange&) const = default;
};
using KeyRanges = std::vector<KeyRange>;

// Sorts and joins.
KeyRanges normalised(KeyRanges ranges);
KeyRanges intersection(const KeyRanges& a, const KeyRanges& b);
KeyRanges difference(const KeyRanges& a, const KeyRanges& b);
bool covers(const KeyRanges& outer, const KeyRanges& inner);

// An address as a number: IPv4 in 32 bits, IPv6 in 128.
Uint128 address_number(const IpAddress& address);
constexpr Uint128 kLastIpv4 = 0xffffffffU;
constexpr Uint128 kLastIpv6 = ~Uint128{0};

// What a row asks of one address.
struct AddressCondition {
  KeyRanges ipv4;
  KeyRanges ipv6;
  std::vector<SetMask> any_of;  // of each group the address is in one set
  SetMask none_of = 0;

  bool accepts(SetMask sets) const;
  bool uses_sets() const { return !any_of.empty() || none_of != 0; }
};

// A rule, or a part of one, of which every field is asked by itself: all have to agree. What bit of the tables it is
// depends on its place among the rows.
struct MatchRow {
  std::uint32_t rule = 0;
  AddressCondition source;
  AddressCondition destination;
  std::optional<PortRange> source_ports;
  std::optional<PortRange> destination_ports;
  std::optional<std::uint8_t> protocol;
  TcpFlagsMatch tcp_flags;
  std::optional<ConnectionState> state;
  bool later_fragments = false;  // these only

  bool asks_ports() const { return source_ports || destination_ports; }
  bool asks_flags() const { return tcp_flags.mask != 0; }
  // Of protocol, whether the header is to be had, state of the session and TCP flags: MISC_*.
  bool accepts_misc(std::uint32_t key) const;
};

using SetBit = std::function<unsigned(const std::string&)>;

// The rows of a rule: one, or more where it names both sets and ranges of one address.
std::vector<MatchRow> rows_of(const Rule& rule, std::uint32_t number, const SetBit& set_bit);

// Packets that match both; none where no packet can.
std::optional<MatchRow> intersection(const MatchRow& a, const MatchRow& b);

// Whether every packet that matches `inner` matches `outer`; false where it cannot be told.
bool covers(const MatchRow& outer, const MatchRow& inner);

}  // namespace nicsentry
