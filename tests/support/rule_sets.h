// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include "host/rules/language/rule.h"

namespace nicsentry::testing {

// Prefixes of every length on both sides, ports, ranges, flags, states.
ChainRules mixed_rules(std::size_t count, std::uint64_t seed);

// The same rules, those that fewer packets match before the others, as exceptions are written before what they are
// exceptions from. In random order a few rules that match nearly everything hide most of those behind them.
ChainRules narrow_first(ChainRules chain);

// Ranges of both ports and no addresses: nothing that a hash could look a rule up by but the protocol.
ChainRules port_rules(std::size_t count, std::uint64_t seed);

// Of the kind that firewalls have: who (a /24 of 10/8) may reach what (an address of 192.168/16), by ports and
// protocols.
ChainRules plain_rules(std::size_t count);

}  // namespace nicsentry::testing
