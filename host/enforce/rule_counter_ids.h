// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "bpf_offload/types.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

// Which counters of the programs are whose: a rule keeps its own as long as it is there and does the same.
class RuleCounterIds {
 public:
  RuleCounterIds();

  // Gives a counter to each rule of `next` that has none, or has one that counted another action in `now`. The new ones
  // are returned. Those that `next` has no more stay taken until settle(). Throws Error when there is none left.
  std::vector<std::uint32_t> assign(const ChainRules& now, ChainRules& next);
  // `gone` is out of force, and no packet can count on it any more; `kept` is what is in force.
  void settle(const ChainRules& gone, const ChainRules& kept);

 private:
  std::vector<std::uint32_t> free_;  // the next one last
};

}  // namespace nicsentry
