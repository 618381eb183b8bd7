// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>

#include "host/rules/judged_packet.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// The verdict of a chain on a packet, and the rule that says so.
struct Verdict {
  bool dropped = false;
  bool blocked = false;             // the remote end is in the set `blocked`
  std::optional<std::size_t> rule;  // that decided; none: `blocked`, an established connection or the default
};

// Asks one rule after the other, as the order of decision in docs/firewall.md has it. For a packet that is judged. For
// rules that are not in force: a program is asked by Explainer. The packet is within the rate of every limit.
Verdict verdict_of(const ChainRules& rules, Chain chain, const JudgedPacket& packet, const InSet& in_set);

}  // namespace nicsentry
