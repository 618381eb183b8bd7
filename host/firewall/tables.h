// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bpf_offload/types.h"

namespace nicsentry {

// Which address sets an address is in: bit n is set n of the catalogue. Set 0 is `blocked`.
using SetMask = std::uint64_t;
constexpr unsigned kSetsMax = 64;

// One chain as the program reads it. Indices within are relative: node n stands at base + n of the bank's part of
// interval_nodes, row r of chunk c at (c + 1) x rows + r of the bank's part of rule_bits.
struct RuleTables {
  rule_bank bank{};  // its roots are relative to the bank's first node, too
  std::vector<interval_node> nodes;
  std::vector<rule_chunk> bits;  // (chunks + 1) x rows
  std::vector<rule_action> actions;
};

}  // namespace nicsentry
