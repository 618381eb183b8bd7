// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/rules/import/condition.h"
#include "host/rules/import/foreign_limit.h"
#include "host/rules/language/ruleset.h"

namespace nicsentry::foreign {

enum class Verdict : std::uint8_t { none, accept, drop, jump, go_to, back };

struct ForeignRule {
  std::string where;  // "line 7"
  Condition condition;
  Verdict verdict = Verdict::none;
  std::string target;  // of jump and go_to: ForeignChain::name
  std::string description;
  std::string note;  // what it says beyond what is taken; empty: nothing
  bool counts = false;
  bool logs = false;
  std::optional<ForeignLimit> limit;  // asked behind the condition
};

struct ForeignChain {
  std::string name;   // unlike that of any other chain
  std::string where;  // for messages
  std::optional<std::uint8_t> family;
  std::optional<Chain> hook;  // none: others jump to it
  std::int64_t priority = 0;  // the lowest is the first
  bool drops = false;         // by its policy
  std::vector<ForeignRule> rules;
};

inline constexpr const char* kReject = "reject is taken as drop: nobody is answered";

// The parts that were not taken, a line each: the place, and why.
using LeftOut = std::vector<std::string>;

// Rules of another firewall as it evaluates them: each base chain of a hook in turn, until one drops.
struct ForeignRules {
  std::vector<ForeignChain> chains;
  std::vector<RulesetSet> sets;  // that rules name
};

// Adds what a file says. Throw Error where it is no such file.
void read_nft(const nlohmann::json& listed, ForeignRules& rules, LeftOut& left_out);
void read_iptables(const std::string& text, ForeignRules& rules, LeftOut& left_out);

// A chain of ours for each hook that a base chain has. Lists what no rules of ours say.
struct Translated {
  std::optional<ChainRules> ingress;
  std::optional<ChainRules> egress;
};
Translated translate(const ForeignRules& rules, LeftOut& left_out);

}  // namespace nicsentry::foreign
