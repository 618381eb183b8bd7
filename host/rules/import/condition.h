// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "host/rules/language/rule.h"

namespace nicsentry::foreign {

// A condition of another firewall that no rule can say. The text goes on behind the rule's place: "icmp type: no rule
// has such a field".
class Untold : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

constexpr std::uint8_t kAllStates = 0xf;
constexpr std::uint8_t state_bit(ConnectionState state) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(state));
}

// The packets that a rule of another firewall matches: as RuleMatch, and what several of our rules say together.
struct Condition {
  RuleMatch match;                     // without `state`
  std::optional<std::uint8_t> family;  // 4 or 6
  std::uint8_t states = kAllStates;    // state_bit() of each
  bool untyped_ports = false;          // ports wherever TCP and UDP have them, whatever the protocol

  bool operator==(const Condition&) const = default;
  bool any() const { return match == RuleMatch{} && !family && states == kAllStates; }
};

// The packets that match both; nothing where there are none. Throws Untold where no rule of ours says that.
std::optional<Condition> both_of(const Condition& a, const Condition& b);

// All numbers up to `last` that are in none of the ranges.
std::vector<PortRange> other_numbers(const std::vector<PortRange>& numbers, std::uint16_t last);
// All ports that are in none of the ranges.
std::vector<PortRange> other_ports(const std::vector<PortRange>& ports);

}  // namespace nicsentry::foreign
