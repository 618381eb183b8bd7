// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>

#include "host/rules/language/rule.h"

namespace nicsentry::testing {

// Prefixes of every length on both sides, ports, ranges, flags, states.
ChainRules mixed_rules(std::size_t count, std::uint64_t seed);

// Sorts rules so that those that match fewer packets come first, as exceptions do. In random order a few rules that
// match nearly everything would hide most later ones.
ChainRules narrow_first(ChainRules chain);

// Rules with ranges of both ports and without addresses. A hash could look them up only by protocol.
ChainRules port_rules(std::size_t count, std::uint64_t seed);

// Rules like those of typical firewalls: a source (a /24 of 10/8) may reach a destination (an address of 192.168/16),
// by ports and protocols.
ChainRules plain_rules(std::size_t count);

}  // namespace nicsentry::testing
