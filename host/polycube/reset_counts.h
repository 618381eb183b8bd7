// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>

#include "host/enforce/enforcement.h"

namespace nicsentry::polycube {

// Counters of a chain as they are since its last reset. The program's own counters only grow.
class ResetCounts {
 public:
  void reset(const Enforcement::ChainView& view);
  rule_counter of_rule(const Enforcement::ChainView& view, std::size_t id) const;
  rule_counter of_default(const Enforcement::ChainView& view) const;

 private:
  std::map<std::uint32_t, rule_counter> rules_;  // at the reset, by the id of the rule's counter
  rule_counter default_{};
};

}  // namespace nicsentry::polycube
