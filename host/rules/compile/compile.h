// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/rules/compile/tables.h"
#include "host/rules/language/rule.h"
#include "host/rules/sets/set_mask.h"

namespace nicsentry {

// The room of a bank, and where the bank begins in each map.
struct BankPlace {
  std::uint32_t first_node = 0;  // in interval_nodes
  std::uint32_t nodes = DEFAULT_INTERVAL_NODES / 8;
  std::uint32_t first_bits = 0;  // in rule_bits
  std::uint32_t bits = DEFAULT_RULE_BITS / 2;
  std::uint32_t first_action = 0;  // in rule_actions
};

struct CompileInput {
  Chain chain = Chain::ingress;
  const ChainRules* rules = nullptr;  // each has its counter
  std::function<unsigned(const std::string&)> set_bit;
  std::vector<SetMask> classes;  // by number
  bool blocks = false;           // the set `blocked` has an entry
  // The interface whose packets the tables judge: rules for others are left out. nullopt: no rule is left out.
  std::optional<std::string> interface;
  bool limits = true;  // false: the program has no limits, and rules with them are left out
  BankPlace place;
};

// Whether the chain restricts anything: it has a rule, a default of drop or a blocked address. Only then are unjudged
// packets dropped.
bool restricts(const ChainRules& rules, bool blocks);

// Whether a rule asks for an interface: tables then differ by port.
bool asks_interface(const ChainRules& rules);

// Whether a rule limits: programs for the card refuse that.
bool has_limits(const ChainRules& rules);

// The first rule that asks for a field that programs on the card do not read. Rules for other interfaces are left out,
// unless `interface` is empty.
struct HostField {
  std::size_t rule = 0;
  NumberField field = NumberField::length;
};
std::optional<HostField> host_field_asked(const ChainRules& rules, Chain chain, const std::string& interface);

// The conditions of each match row, for vectors of set classes that are added later.
struct CompiledRows;

struct Compiled {
  RuleTables tables;
  std::vector<std::uint32_t> bit_rules;      // the rule of each bit; ~0: the bit has none
  std::shared_ptr<const CompiledRows> rows;  // for class_rows()
  std::vector<std::uint32_t> limit_rules;    // the rule of each limit

  // Returns the rule of an element of rule_actions; ~0 if it belongs to no rule.
  std::uint32_t rule_of(std::uint32_t action) const;
  std::size_t chunks() const { return (bit_rules.size() + RULES_PER_CHUNK - 1) / RULES_PER_CHUNK; }
  std::size_t row_count() const { return tables.banks[0].rows; }  // bit vectors in each chunk
};

// Compiles a chain into tables. Throws Error if they do not fit. The error names the value, the limit and the largest
// group of rules that causes it. Throws Error, too, if one packet can match more counting rules than a list of actions
// holds, or if there are more limits than LIMITS.
Compiled compile_chain(const CompileInput& input);

// Returns the elements of rule_bits of a set class that was added after compile_chain(), in order of index.
struct BitsWrite {
  std::uint32_t index = 0;
  rule_chunk value{};
};
std::vector<BitsWrite> class_rows(const Compiled& compiled, std::uint32_t set_class, SetMask mask);

}  // namespace nicsentry
