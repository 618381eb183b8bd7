// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/rules_check.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "host/base/error.h"
#include "host/base/wall_clock.h"
#include "host/cli/number_of.h"
#include "host/rules/compile/compile.h"
#include "host/rules/compile/hidden_rules.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/field_text.h"
#include "host/rules/language/ruleset_change.h"
#include "host/rules/sets/address_sets.h"

namespace nicsentry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

void add_set_names(const json& term, std::vector<std::string>& names) {
  if (!term.is_string()) {
    return;
  }
  try {
    AddressMatch match;
    add_address_term(term.get_ref<const std::string&>(), match);
    for (const auto* sets : {&match.sets, &match.except_sets}) {
      for (const std::string& name : *sets) {
        if (std::find(names.begin(), names.end(), name) == names.end()) {
          names.push_back(name);
        }
      }
    }
  } catch (const Error&) {
    // apply_batch() says what is wrong, and where.
  }
}

// In the order of their bits, the built-in ones first.
std::vector<std::string> sets_named(const json& batch) {
  std::vector<std::string> names{kBlockedSet, kAllowedSet};
  const json rules = batch.is_object() ? batch.value("rules", json()) : json();
  for (const json& rule : rules.is_array() ? rules : json::array()) {
    for (const char* field : {"src", "dst"}) {
      const auto terms = rule.is_object() ? rule.find(field) : rule.end();
      if (terms == rule.end()) {
        continue;
      }
      if (terms->is_array()) {
        for (const json& term : *terms) {
          add_set_names(term, names);
        }
      } else {
        add_set_names(*terms, names);
      }
    }
  }
  if (names.size() > kSetsMax) {
    throw Error("the rules name " + std::to_string(names.size() - 2) + " sets, there can be " +
                std::to_string(kSetsMax - 2) + " besides '" + kBlockedSet + "' and '" + kAllowedSet + "'");
  }
  return names;
}

// An address in no set, and one in each.
std::vector<SetMask> classes_of(std::size_t sets) {
  std::vector<SetMask> classes{0};
  for (std::size_t bit = 0; bit < sets; ++bit) {
    classes.push_back(SetMask{1} << bit);
  }
  return classes;
}

void print_size(const char* what, std::size_t used, std::size_t room) {
  std::printf("  %-34s %8zu of %8zu\n", what, used, room);
}

void print_sizes(const Compiled& compiled, const BankPlace& place) {
  const RuleTables& tables = compiled.tables;
  print_size("rules that decide, as match rows", compiled.bit_rules.size(), std::size_t{RULE_ROWS_MAX});
  print_size("nodes of range-search trees", tables.nodes.size(), place.nodes);
  print_size("elements of bit vectors", tables.bits.size(), place.bits);
  print_size("actions", tables.actions.size(), ACTION_ROWS);
  if (!tables.limits.empty()) {
    print_size("rules that limit", tables.limits.size(), LIMITS);
  }
}

std::string decider_of(const HiddenRule& hidden) {
  return hidden.by ? "rule " + std::to_string(*hidden.by) : "the default";
}

std::string hidden_text(const HiddenRule& hidden) {
  const std::string rule = "rule " + std::to_string(hidden.rule);
  switch (hidden.why) {
    case HiddenRule::Why::decided:
      return rule + " is " + (hidden.same_action ? "redundant" : "hidden") + ": " + decider_of(hidden) +
             " matches all its packets first, with " + (hidden.same_action ? "the same" : "another") + " action";
    case HiddenRule::Why::limited:
      return rule + " is redundant: " + decider_of(hidden) +
             " limits all its packets first, to the same rate or a lower one";
    case HiddenRule::Why::dropped:
      return rule + " is redundant: " + decider_of(hidden) + " drops all its packets, also those within its rate";
  }
  throw Error("not a reason why a rule is hidden: " + std::to_string(static_cast<int>(hidden.why)));
}

const char* hidden_word(HiddenRule::Why why) {
  return why == HiddenRule::Why::decided ? "decided" : why == HiddenRule::Why::limited ? "limited" : "dropped";
}

void print_hidden(const std::vector<HiddenRule>& hidden) {
  for (const HiddenRule& rule : hidden) {
    std::printf("%s\n", hidden_text(rule).c_str());
  }
}

ordered_json sizes_json(std::size_t rules, const Compiled& compiled, const BankPlace& place) {
  const RuleTables& tables = compiled.tables;
  return {{"rules", rules},
          {"rows", compiled.bit_rules.size()},
          {"rows_room", std::size_t{RULE_ROWS_MAX}},
          {"nodes", tables.nodes.size()},
          {"nodes_room", place.nodes},
          {"bits", tables.bits.size()},
          {"bits_room", place.bits},
          {"actions", tables.actions.size()},
          {"actions_room", std::size_t{ACTION_ROWS}},
          {"limits", tables.limits.size()},
          {"limits_room", std::size_t{LIMITS}}};
}

ordered_json hidden_json(const std::vector<HiddenRule>& hidden) {
  ordered_json list = ordered_json::array();
  for (const HiddenRule& rule : hidden) {
    list.push_back({{"rule", rule.rule},
                    {"by", rule.by ? ordered_json(*rule.by) : ordered_json()},
                    {"same_action", rule.same_action},
                    {"why", hidden_word(rule.why)}});
  }
  return list;
}

// With `answer` into it, else as text.
void check_chain(ChainRules rules, Chain chain, const std::vector<std::string>& sets, ordered_json* answer) {
  std::uint32_t counter = COUNTER_FIRST_RULE;
  for (Rule& rule : rules.rules) {
    rule.counter = counter++;
  }
  CompileInput input;
  input.chain = chain;
  input.rules = &rules;
  input.set_bit = [&sets](const std::string& name) {
    return static_cast<unsigned>(std::distance(sets.begin(), std::find(sets.begin(), sets.end(), name)));
  };
  input.classes = classes_of(sets.size());
  const Compiled compiled = compile_chain(input);
  if (answer != nullptr) {
    ordered_json& of_chain = (*answer)[chain_name(chain)];
    of_chain = sizes_json(rules.rules.size(), compiled, input.place);
    of_chain["hidden"] = hidden_json(hidden_rules(input));
    return;
  }
  std::printf("%s (%s)\n", number_of(rules.rules.size(), "rule", "rules").c_str(), chain_name(chain));
  print_sizes(compiled, input.place);
  print_hidden(hidden_rules(input));
}

void check_file(const json& file, Chain chain, ordered_json* answer) {
  const TimestampNs now = wall_clock_ns();
  if (!is_ruleset(file)) {
    const std::vector<std::string> sets = sets_named(file);
    check_chain(apply_batch({}, parse_batch(file, now), sets), chain, sets, answer);
    return;
  }
  const Ruleset ruleset = parse_ruleset(file, chain, now);
  for (const Chain one : {Chain::ingress, Chain::egress}) {
    if (ruleset.of(one)) {
      check_interfaces(one, ruleset.of(one)->rules);
      check_chain(chain_of(*ruleset.of(one), now), one, sets_named(file.value(chain_name(one), file)), answer);
    }
  }
}

}  // namespace

void check_rules(const json& file, Chain chain, bool as_json) {
  ordered_json answer = ordered_json::object();
  check_file(file, chain, as_json ? &answer : nullptr);
  if (as_json) {
    std::printf("%s\n", answer.dump(2).c_str());
  }
}

}  // namespace nicsentry
