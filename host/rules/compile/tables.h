// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bpf_offload/types.h"

namespace nicsentry {

// One chain as the program reads it. All indexes are absolute: nodes[0] is element CompileInput::first_node of its map,
// and so on.
struct RuleTables {
  std::array<rule_bank, 2> banks{};  // IPv4 and IPv6: only their trees over addresses differ
  std::vector<interval_node> nodes;
  std::vector<rule_chunk> bits;              // (chunks + 1) x bit vectors, the aggregates first
  std::vector<rule_action> actions;          // from the bank's first element on
  std::vector<std::array<limit, 2>> limits;  // by number, for IPv4 and IPv6; numbers begin at 0 in each bank
};

}  // namespace nicsentry
