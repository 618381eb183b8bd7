// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace nicsentry {

// A ruleset that says the same as rules of nft or iptables, as far as it can.
struct ImportedRules {
  nlohmann::ordered_json ruleset;
  std::vector<std::string> left_out;  // a line each: the rule, and why
};

// Reads the output of `nft -j list ruleset`, iptables-save or ip6tables-save, or of the last two. Chains of the input
// hook become the ingress chain, those of the output hook the egress chain. Throws Error where a text is none of these
// or has neither hook.
ImportedRules import_rules(std::span<const std::string> texts);

}  // namespace nicsentry
