// SPDX-License-Identifier: GPL-2.0-or-later
// Rules and packets for the comparison. IPv4 only: IPv6 would only add trees over addresses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpf_offload/facts.h"
#include "bpf_offload/types.h"
#include "host/rules/compile/match_row.h"
#include "host/rules/language/rule.h"

namespace nicsentry::bench {

struct Packet {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  std::uint16_t source_port = 0;  // 0 if there is none
  std::uint16_t destination_port = 0;
  std::uint32_t misc = 0;  // FACT_*: flags, state, whether the header is known, protocol

  std::uint8_t protocol() const { return static_cast<std::uint8_t>(misc >> FACT_PROTOCOL_SHIFT); }
  std::uint8_t state() const { return static_cast<std::uint8_t>(misc >> FACT_STATE_SHIFT & STATE_MASK); }
};

constexpr std::uint32_t mask_of(unsigned length) { return length == 0 ? 0 : ~std::uint32_t{0} << (32 - length); }

// A rule in the form in which a map would hold it for comparison with a packet. Two fit into an element of the card.
struct RuleEntry {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  std::uint16_t source_ports[2] = {0, 0xffff};
  std::uint16_t destination_ports[2] = {0, 0xffff};
  std::uint8_t source_length = 0;
  std::uint8_t destination_length = 0;
  std::uint8_t protocol = 0;
  std::uint8_t flags_mask = 0;
  std::uint8_t flags_value = 0;
  std::uint8_t asks = 0;  // kAny*, kAsksPorts, and the state in the lower bits
  std::uint16_t rule = 0xffff;

  static constexpr std::uint8_t kAnyState = 1U << 2;
  static constexpr std::uint8_t kAnyProtocol = 1U << 3;
  static constexpr std::uint8_t kAsksPorts = 1U << 4;

  bool asks_ports() const { return (asks & kAsksPorts) != 0; }
  bool any_state() const { return (asks & kAnyState) != 0; }
  bool any_protocol() const { return (asks & kAnyProtocol) != 0; }
  std::uint8_t state() const { return asks & STATE_MASK; }

  bool matches(const Packet& p) const {
    const std::uint8_t protocol_seen = p.protocol();
    const bool header = (p.misc & FACT_NO_HEADER) == 0;
    return ((p.source ^ source) & mask_of(source_length)) == 0 &&
           ((p.destination ^ destination) & mask_of(destination_length)) == 0 && p.source_port >= source_ports[0] &&
           p.source_port <= source_ports[1] && p.destination_port >= destination_ports[0] &&
           p.destination_port <= destination_ports[1] && (any_protocol() || protocol_seen == protocol) &&
           (any_state() || p.state() == state()) &&
           (!asks_ports() || (header && (protocol_seen == 6 || protocol_seen == 17))) &&
           (flags_mask == 0 || (header && protocol_seen == 6 && (p.misc & flags_mask) == flags_value));
  }
};
static_assert(sizeof(RuleEntry) == 24);

struct RuleSet {
  std::string kind;
  ChainRules chain;
  std::vector<MatchRow> rows;      // one for each rule
  std::vector<RuleEntry> entries;  // the same rules
  std::size_t hidden = 0;          // rules that no packet reaches, because earlier rules match all of their packets
};

// Throws Error if a rule has more than a prefix for either address.
RuleSet rule_set(const std::string& kind, ChainRules chain);

// Packets, half of them near the edges of rules and half within a rule, and the result of a naive first match for each.
struct Trace {
  std::vector<Packet> packets;
  std::vector<std::uint32_t> rules;  // kNoRule if none matches
};
Trace trace(const RuleSet& set, std::size_t packets, std::uint64_t seed);

}  // namespace nicsentry::bench
