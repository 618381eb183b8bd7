// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/rules/language/rule.h"

namespace nicsentry {

constexpr std::size_t kRulesMax = 5000;  // of a chain

// What is wrong with a batch; `what()` has a line for each error of each rule, rules counted from 1:
// "rule 3 (insert): sport: read 70000, allowed is ...".
class BatchError : public BadRequest {
 public:
  explicit BatchError(std::vector<std::string> errors);
  const std::vector<std::string>& errors() const { return errors_; }

 private:
  std::vector<std::string> errors_;
};

// One operation of a batch. Errors of its fields stay with it, so that apply_batch() can report them together with
// those that only the chain shows.
struct BatchOperation {
  enum class Kind : std::uint8_t { unknown, insert, append, update, erase };  // unknown: see `errors`
  struct Id {
    std::string read;                     // as an error quotes it
    std::optional<std::uint64_t> number;  // none: not a whole number
  };
  Kind kind = Kind::unknown;
  std::optional<Id> id;
  std::optional<Rule> rule;         // none: the operation names no fields of one
  bool described = false;           // the rule has a description
  std::vector<std::string> errors;  // of the operation; those of the rule's fields follow
  std::vector<std::string> rule_errors;
};

// Changes of one chain, in the order in which they are performed.
struct Batch {
  std::vector<BatchOperation> operations;
};

// Reads {"rules": [{"operation": "insert" | "append" | "update" | "delete", "id": N, ...}, ...]}. Throws BatchError for
// what is no list of operations. `now_ns`: lifetimes of rules begin there.
Batch parse_batch(const nlohmann::json& batch, TimestampNs now_ns);

// Performs a batch in order on a copy of the chain. Throws BatchError with everything that is wrong; the chain is as it
// was. Rules keep their counters; an updated one keeps them, too; new ones have none. `set_names`: the sets that rules
// may name.
ChainRules apply_batch(const ChainRules& chain, const Batch& batch, const std::vector<std::string>& set_names);

}  // namespace nicsentry
