// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/error.h"
#include "host/firewall/rule.h"
#include "host/firewall/tables.h"

namespace nicsentry {

// What a bank holds at most.
struct TableRoom {
  std::size_t nodes = 0;  // of interval_nodes
  std::size_t bits = 0;   // elements of rule_bits
};

struct CompileInput {
  Chain chain = Chain::ingress;
  const ChainRules* rules = nullptr;  // each with its counter
  std::function<unsigned(const std::string&)> set_bit;
  std::vector<SetMask> classes;  // by number
  TableRoom room;
};

// Which rule a row of rule_actions is of.
using RowRules = std::vector<std::uint32_t>;

struct Compiled {
  RuleTables tables;
  RowRules row_rules;
  std::vector<std::size_t> redundant;  // rules that no packet reaches: those before them decide all that match
};

// Turns a chain into tables. Throws Error when they do not fit, with the figure that is over, the room, and the largest
// group of rules behind it; or when more counting rules can match one packet than a row has counters for.
Compiled compile_chain(const CompileInput& input);

// The rows of rule_bits (all chunks and the summary, chunk -1 first) of a set class that came after compile_chain(), of
// the source or the destination. Elements stand at c x rows + row of the bank's part.
struct ClassRows {
  std::uint32_t row = 0;
  std::vector<rule_chunk> chunks;
};
std::vector<ClassRows> class_rows(const CompileInput& input, const Compiled& compiled, std::uint32_t set_class);

}  // namespace nicsentry
