// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/rules/compile/tables.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/set_mask.h"

namespace nicsentry {

// What a bank holds, and where it begins in each map.
struct BankPlace {
  std::uint32_t first_node = 0;  // of interval_nodes
  std::uint32_t nodes = DEFAULT_INTERVAL_NODES / 8;
  std::uint32_t first_bits = 0;  // element of rule_bits
  std::uint32_t bits = DEFAULT_RULE_BITS / 2;
  std::uint32_t first_action = 0;  // element of rule_actions
};

struct CompileInput {
  Chain chain = Chain::ingress;
  const ChainRules* rules = nullptr;  // each with its counter
  std::function<unsigned(const std::string&)> set_bit;
  std::vector<SetMask> classes;  // by number
  BankPlace place;
};

// What each row of bits is about, beyond what the tables say of it.
struct CompiledRows;

struct Compiled {
  RuleTables tables;
  std::vector<std::uint32_t> bit_rules;      // the rule of each bit; ~0: of none
  std::shared_ptr<const CompiledRows> rows;  // for class_rows()

  // The rule that an element of rule_actions is of; ~0: of none.
  std::uint32_t rule_of(std::uint32_t action) const;
  std::size_t chunks() const { return (bit_rules.size() + RULES_PER_CHUNK - 1) / RULES_PER_CHUNK; }
  std::size_t row_count() const { return tables.banks[0].rows; }  // of bits in each chunk
};

// Turns a chain into tables. Throws Error when they do not fit, with the figure that is over, the room, and the largest
// group of rules behind it; or when more counting rules can match one packet than a chain of actions has room for.
Compiled compile_chain(const CompileInput& input);

// The elements of rule_bits of a set class that came after compile_chain(), in order of index.
struct BitsWrite {
  std::uint32_t index = 0;
  rule_chunk value{};
};
std::vector<BitsWrite> class_rows(const Compiled& compiled, std::uint32_t set_class, SetMask mask);

// A rule that no packet reaches, since one before it decides all that it would.
struct HiddenRule {
  std::size_t rule = 0;
  std::size_t by = 0;
  bool same_action = false;  // then it is only redundant
};
std::vector<HiddenRule> hidden_rules(const CompileInput& input);

}  // namespace nicsentry
