// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nicsentry {

// A ruleset that says the same as rules of nft or iptables, as far as it can.
struct ImportedRules {
  nlohmann::ordered_json ruleset;
  std::vector<std::string> left_out;  // a line each: the rule, and why
};

// Forms in which nft and iptables print rules.
enum class ForeignForm : std::uint8_t { none, nft_json, nft_text, iptables_save, iptables_list };
// By the first line that is no comment.
ForeignForm foreign_form(std::string_view text);

// Reads the output of `nft -j list ruleset`, iptables-save or ip6tables-save, or of the last two. Chains of the input
// hook become the ingress chain, those of the output hook the egress chain. Throws Error where a text is none of these
// or has neither hook.
ImportedRules import_rules(std::span<const std::string> texts);

}  // namespace nicsentry
