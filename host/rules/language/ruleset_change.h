// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/rules/language/rule.h"
#include "host/rules/language/ruleset.h"

namespace nicsentry {

// A chain as a ruleset has it, in place of the one in force.
struct ChainChange {
  ChainRules next;
  std::vector<std::optional<std::size_t>> former;  // of each rule its id in force; none: it is new
};

// A rule that is in force already, by rule_key(), keeps its counter. It keeps its end, too, if the ruleset gives it the
// same lifetime or the same end. Rules that have ended are left out. Of equal rules each stays once.
ChainChange replace_chain(const ChainRules& now, const RulesetChain& file, TimestampNs now_ns);

// A chain that is in force nowhere.
ChainRules chain_of(const RulesetChain& file, TimestampNs now_ns);

// The differences by a change, an object each: `chain` and `difference` ("setting", "added", "removed", "moved",
// "changed"). Settings have `setting`, `in_force` and `ruleset`; rules have `rule`, its place as `id`, `from` or `to`,
// and where they are changed `in_force`.
nlohmann::ordered_json differences(Chain chain, const ChainRules& now, const ChainChange& change, TimestampNs now_ns);

// One difference in a line, without its end: "+ ingress 0 {...}".
std::string difference_text(const nlohmann::ordered_json& difference);

}  // namespace nicsentry
