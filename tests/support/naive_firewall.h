// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry::testing {

// A packet as rules see it, derived from how it was built, not from parsing it.
struct PacketFields {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t tcp_flags = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  unsigned length = 0;  // IP total length; of unjudged packets it is not known
  unsigned dscp = 0;
  unsigned ttl = 0;
  unsigned vlan = 4096;  // of the outermost tag that names one, 0: none does; 4096: no tag
  bool header = true;    // its transport header can be read
  ConnectionState state = ConnectionState::new_session;
  bool later_fragment = false;  // rules come first, although it is established
  bool unjudged = false;        // it is cut off
};

// Returns the state of a packet whose session is in this state (not NEW). Of ICMP, only replies can be established and
// only errors related; a session can have let both in.
// On a card errors are RELATED by their own session. On the host only the session that they quote can say so, and
// RELATED in a TCP session means that it is closed.
enum class Where : std::uint8_t { card, host };
ConnectionState state_within(std::uint32_t state, const PacketFields& packet, Where where = Where::host);

using NaiveSets = std::map<std::string, std::vector<AddressRange>>;

struct NaiveVerdict {
  bool drop = false;
  std::optional<std::size_t> rule;    // the rule that decided
  std::vector<std::size_t> counting;  // counting rules before it
  bool unjudged = false;
  bool blocked = false;
  bool established = false;
  bool logged = false;
};

// The simplest firewall: the first match in a list. `beyond` says whether the packet is beyond the rate of a rule that
// limits; none: it never is.
NaiveVerdict judge(const ChainRules& chain, bool egress, const NaiveSets& sets, const PacketFields& packet,
                   const std::function<bool(std::size_t rule)>& beyond = nullptr);

}  // namespace nicsentry::testing
