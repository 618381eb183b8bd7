// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/verdict.h"

#include "host/rules/sets/address_sets.h"

namespace nicsentry {

Verdict verdict_of(const ChainRules& rules, Chain chain, const JudgedPacket& packet, const InSet& in_set) {
  const IpAddress& remote = chain == Chain::egress ? packet.destination : packet.source;
  if (in_set(kBlockedSet, remote) && !in_set(kAllowedSet, remote)) return {true, true, {}};
  if (rules.accept_established && packet.state == ConnectionState::established) return {};
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const Rule& rule = rules.rules[i];
    if (decides(rule.action) && matches(rule.match, packet, in_set)) {
      return {rule.action == RuleAction::drop, false, i};
    }
  }
  return {rules.default_action == RuleAction::drop, false, {}};
}

}  // namespace nicsentry
