// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bpf_offload/types.h"
#include "host/rules/compile/tables.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/set_mask.h"

namespace nicsentry {

__extension__ using Uint128 = unsigned __int128;

// Keys from first to last, both included. Lists of ranges are sorted; their ranges neither overlap nor touch.
struct KeyRange {
  Uint128 first = 0;
  Uint128 last = 0;

  bool operator==(const KeyRange&) const = default;
};
using KeyRanges = std::vector<KeyRange>;

using ProtocolSet = std::bitset<256>;

// Sorts the ranges and joins those that overlap or touch.
KeyRanges normalised(KeyRanges ranges);
KeyRanges intersection(const KeyRanges& a, const KeyRanges& b);
KeyRanges difference(const KeyRanges& a, const KeyRanges& b);
bool covers(const KeyRanges& outer, const KeyRanges& inner);

// Returns an address as a number: IPv4 in 32 bits, IPv6 in 128.
Uint128 address_number(const IpAddress& address);
constexpr Uint128 kLastIpv4 = 0xffffffffU;
constexpr Uint128 kLastIpv6 = ~Uint128{0};

// The condition of a row on one address.
struct AddressCondition {
  KeyRanges ipv4;
  KeyRanges ipv6;
  std::vector<SetMask> any_of;  // the address is in at least one set of each group
  SetMask none_of = 0;

  bool accepts(SetMask sets) const;
  bool uses_sets() const { return !any_of.empty() || none_of != 0; }
};

// A rule, or a part of one, whose fields are checked independently. A packet matches if every field does. The position
// among all rows is the bit in the vectors.
struct MatchRow {
  std::uint32_t rule = 0;
  AddressCondition source;
  AddressCondition destination;
  std::optional<KeyRanges> source_ports;
  std::optional<KeyRanges> destination_ports;
  std::optional<KeyRanges> icmp;  // type << ICMP_KEY_TYPE_SHIFT | code; then no ports are asked for
  std::array<std::optional<KeyRanges>, HOST_FIELDS> fields;  // by enum host_field
  std::optional<ProtocolSet> protocols;
  TcpFlagsMatch tcp_flags;
  std::optional<ConnectionState> state;
  TcpPickup tcp_pickup = TcpPickup::loose;
  bool later_fragments = false;  // matches only these

  bool asks_ports() const { return source_ports || destination_ports; }
  bool asks_fields() const;  // that only programs on the host read
  bool asks_flags() const { return tcp_flags.mask != 0; }
  // Checks the protocol, whether the header is known, the session's state and the TCP flags: FACT_*.
  bool accepts_misc(std::uint32_t key) const;
};

using SetBit = std::function<unsigned(const std::string&)>;

// Returns the rows of a rule of a chain. There are several if it names both sets and ranges for one address.
std::vector<MatchRow> rows_of(const ChainRules& chain, std::uint32_t number, const SetBit& set_bit);

// Returns the packets that match both; nullopt if there are none.
std::optional<MatchRow> intersection(const MatchRow& a, const MatchRow& b);

// Returns whether every packet that matches `inner` also matches `outer`. May return false if it cannot decide this.
bool covers(const MatchRow& outer, const MatchRow& inner);

}  // namespace nicsentry
