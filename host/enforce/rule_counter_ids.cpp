// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/rule_counter_ids.h"

#include <unordered_map>
#include <unordered_set>

#include "host/base/error.h"

namespace nicsentry {

RuleCounterIds::RuleCounterIds() {
  for (std::uint32_t id = RULE_COUNTERS; id > COUNTER_FIRST_RULE; --id) {
    free_.push_back(id - 1);
  }
}

std::vector<std::uint32_t> RuleCounterIds::assign(const ChainRules& now, ChainRules& next) {
  std::unordered_map<std::uint32_t, RuleAction> counted;
  for (const Rule& rule : now.rules) {
    counted[rule.counter] = rule.action;
  }
  std::vector<std::uint32_t> given;
  for (Rule& rule : next.rules) {
    const auto known = counted.find(rule.counter);
    if (rule.counter != 0 && known != counted.end() && known->second == rule.action) {
      continue;
    }
    if (free_.empty()) {
      free_.insert(free_.end(), given.rbegin(), given.rend());
      throw Error("no counter is left for a rule: all " + std::to_string(RULE_COUNTERS - COUNTER_FIRST_RULE) +
                  " are taken");
    }
    rule.counter = free_.back();
    free_.pop_back();
    given.push_back(rule.counter);
  }
  return given;
}

void RuleCounterIds::settle(const ChainRules& gone, const ChainRules& kept) {
  std::unordered_set<std::uint32_t> in_use;
  for (const Rule& rule : kept.rules) {
    in_use.insert(rule.counter);
  }
  for (const Rule& rule : gone.rules) {
    if (rule.counter != 0 && !in_use.contains(rule.counter)) {
      free_.push_back(rule.counter);
    }
  }
}

}  // namespace nicsentry
