// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bpf_offload/types.h"

namespace nicsentry {

// One chain as the program reads it. Every index within is absolute: nodes[0] is CompileInput::first_node, and so on.
struct RuleTables {
  std::array<rule_bank, 2> banks{};  // IPv4 and IPv6: their trees over addresses differ, no more
  std::vector<interval_node> nodes;
  std::vector<rule_chunk> bits;      // (chunks + 1) x rows, the summaries first
  std::vector<rule_action> actions;  // from the bank's first on
};

}  // namespace nicsentry
