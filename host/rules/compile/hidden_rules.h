// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "host/rules/compile/compile.h"

namespace nicsentry {

// A rule that changes nothing for any packet.
struct HiddenRule {
  enum class Why : std::uint8_t {
    decided,  // an earlier rule decides all its packets
    limited,  // of a limit: an earlier limit holds its packets to the same rate, or a lower one
    dropped,  // of a limit: what is within its rate is dropped behind it
  };

  std::size_t rule = 0;
  std::optional<std::size_t> by;  // none: the default
  bool same_action = false;       // true: the rule is only redundant
  Why why = Why::decided;
};

// Rules that decide or limit. May miss some: conditions are compared rule by rule.
std::vector<HiddenRule> hidden_rules(const CompileInput& input);

}  // namespace nicsentry
