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

constexpr std::size_t kRulesMax = 5000;  // in a chain

// The errors of a batch. `what()` has a line for each error of each rule. Rules are counted from 1: "rule 3 (insert):
// sport: read 70000, allowed is ...".
class BatchError : public BadRequest {
 public:
  explicit BatchError(std::vector<std::string> errors);
  const std::vector<std::string>& errors() const { return errors_; }

 private:
  std::vector<std::string> errors_;
};

// One operation of a batch. It keeps the errors of its fields, so that apply_batch() can report them together with
// errors that depend on the chain.
struct BatchOperation {
  enum class Kind : std::uint8_t { unknown, insert, append, update, erase, move, flush };  // unknown: see `errors`
  struct Id {
    std::string read;                     // the value, as errors quote it
    std::optional<std::uint64_t> number;  // nullopt: not a whole number
  };
  Kind kind = Kind::unknown;
  std::optional<Id> id;
  std::optional<Id> to;             // where the rule goes that is moved
  std::optional<Rule> rule;         // nullopt: the operation has no fields of a rule
  bool described = false;           // the rule has a description
  std::vector<std::string> errors;  // errors of the operation; those of the rule's fields follow
  std::vector<std::string> rule_errors;
};

// Changes of one chain, in the order in which they are performed, and settings of the chain that change with them.
struct Batch {
  std::vector<BatchOperation> operations;
  std::optional<bool> drop_unjudged;
  std::optional<std::optional<std::vector<std::uint16_t>>> non_ip;
};

const char* operation_name(BatchOperation::Kind kind);  // "insert"; nullptr: unknown

// Parses {"rules": [{"operation": "insert" | "append" | "update" | "delete" | "move" | "flush", "id": N, ...}, ...]},
// beside which may stand "unjudged" and "non_ip" (chain_settings.h). Throws BatchError if it is not a list of
// operations. Lifetimes of rules begin at `now_ns`.
Batch parse_batch(const nlohmann::json& batch, TimestampNs now_ns);

// The change by an operation. The id is that of the rule after it; of a rule that was removed or moved, before it.
struct BatchChange {
  BatchOperation::Kind kind = BatchOperation::Kind::unknown;
  std::size_t id = 0;
  std::optional<Rule> rule;       // nullopt: flush
  std::optional<std::size_t> to;  // of move
  std::size_t removed = 0;        // by flush
};
constexpr std::size_t kChangesReported = 100;

// A rule that a batch added, and another one of the chain that is the same by rule_key().
struct TwiceRule {
  std::size_t id = 0;
  std::size_t same_as = 0;
};

struct BatchResult {
  ChainRules chain;
  std::vector<BatchChange> changes;  // of the first kChangesReported operations
  std::vector<TwiceRule> twice;
};

// Performs a batch on a copy of the chain, in order. Throws BatchError with all errors; the chain then stays unchanged.
// Existing, moved and updated rules keep their counters, new rules have none. Rules may name the sets in `set_names`.
BatchResult perform_batch(const ChainRules& chain, const Batch& batch, const std::vector<std::string>& set_names);
ChainRules apply_batch(const ChainRules& chain, const Batch& batch, const std::vector<std::string>& set_names);

// Throws BatchError where a rule of the ingress chain has `out`, or one of the egress chain `in`.
void check_interfaces(Chain chain, const std::vector<Rule>& rules);

}  // namespace nicsentry
