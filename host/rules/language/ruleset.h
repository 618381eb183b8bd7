// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry {

// A ruleset: what chains and sets are to be, in one form for files, the API and the state directory:
//
//   {"version": 2,
//    "ingress": {"default": "drop", "accept_established": true, "unjudged": "drop", "non_ip": "all", "rules": [...]},
//    "egress": {...},
//    "sets": {"office": ["198.51.100.0/24", {"range": "192.0.2.1", "expires": "10m"}]}}
//
// Rules have the fields of parse_rule(), and `expires_ns`, when they end, which counts where `expires` stands beside
// it. What `rules show --json` has beside these fields (ids, counters, tables) is taken for nothing.

// The format of rulesets and of the state directory. An older one is read, a newer one refused.
constexpr int kStateFormat = 2;

// A chain of a ruleset. Settings that are missing stay as they are.
struct RulesetChain {
  std::vector<Rule> rules;
  std::optional<RuleAction> default_action;
  std::optional<bool> accept_established;
  std::optional<bool> drop_unjudged;
  std::optional<std::optional<std::vector<std::uint16_t>>> non_ip;
};

struct RulesetEntry {
  AddressRange range;
  std::optional<TimestampNs> expires_ns{};
};

struct RulesetSet {
  std::string name;
  std::vector<RulesetEntry> entries;
};

struct Ruleset {
  std::array<std::optional<RulesetChain>, 2> chains;  // by Chain; none: it stays as it is
  std::vector<RulesetSet> sets;                       // other sets stay as they are

  const std::optional<RulesetChain>& of(Chain chain) const { return chains.at(static_cast<std::size_t>(chain)); }
  std::optional<RulesetChain>& of(Chain chain) { return chains.at(static_cast<std::size_t>(chain)); }
};

// Reads a ruleset, or the object of one chain, which is then `bare`. Lifetimes begin at `now_ns`. Throws BatchError
// with all errors, each behind its place: "ingress.rules[2].dport: read 70000, allowed is ...".
Ruleset parse_ruleset(const nlohmann::json& file, Chain bare, TimestampNs now_ns);

// The object of one chain as a ruleset of this chain. Throws BadRequest where the file names its chains.
nlohmann::json named_chain(const nlohmann::json& file, Chain chain);

// Whether this is a ruleset and no batch: it names chains, sets or settings that only a ruleset has, or has rules, and
// no entry has an operation.
bool is_ruleset(const nlohmann::json& file);

// Throws BatchError where rules name sets that are neither known nor in the ruleset.
void check_set_names(const Ruleset& ruleset, std::vector<std::string> known);

}  // namespace nicsentry
