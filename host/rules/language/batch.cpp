// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/batch.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "host/base/number_text.h"
#include "host/rules/language/chain_settings.h"
#include "host/rules/language/known_sets.h"
#include "host/rules/language/rule_equality.h"
#include "host/rules/language/rule_text.h"
#include "host/rules/language/ruleset.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

using nlohmann::json;

// Limits the cost of a batch. A batch can delete, insert and update every rule of a full chain.
constexpr std::size_t kOperationsMax = 4 * kRulesMax;
// Settings of a chain that may stand beside the operations.
constexpr const char* kUnjudged = "unjudged";
constexpr const char* kNonIp = "non_ip";

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

using Kind = BatchOperation::Kind;

struct OperationName {
  const char* name;
  Kind kind;
};
constexpr OperationName kOperations[] = {{"insert", Kind::insert}, {"append", Kind::append}, {"update", Kind::update},
                                         {"delete", Kind::erase},  {"move", Kind::move},     {"flush", Kind::flush}};
constexpr const char* kOperationsAllowed = "insert, append, update, delete, move or flush";

// Accepts a number, or its digits alone as a string.
std::optional<std::uint64_t> whole_number(const json& field) {
  if (field.is_number_unsigned()) return field.get<std::uint64_t>();
  if (field.is_number_integer() && field.get<std::int64_t>() >= 0) {
    return static_cast<std::uint64_t>(field.get<std::int64_t>());
  }
  if (!field.is_string()) return std::nullopt;
  return parse_number<std::uint64_t>(field.get_ref<const std::string&>());
}

void read_kind(const json& fields, BatchOperation& operation) {
  const std::string allowed = std::string(", allowed is ") + kOperationsAllowed;
  const auto field = fields.find("operation");
  if (field == fields.end()) {
    operation.errors.push_back("operation: missing" + allowed);
    return;
  }
  for (const OperationName& candidate : kOperations) {
    if (field->is_string() && same_word(candidate.name, field->get_ref<const std::string&>())) {
      operation.kind = candidate.kind;
      return;
    }
  }
  operation.errors.push_back("operation: read " + excerpt(*field) + allowed);
}

void read_rule(const json& fields, TimestampNs now_ns, BatchOperation& operation) {
  operation.rule = parse_rule(fields, now_ns, operation.rule_errors);
  operation.described = fields.contains("description");
}

// A delete has an id, or the fields of the rule that it removes.
void read_erase(const json& fields, TimestampNs now_ns, BatchOperation& operation) {
  if (operation.id) {
    for (const auto& field : fields.items()) {
      if (field.key() != "operation" && field.key() != "id") {
        operation.errors.push_back(excerpt(std::string_view(field.key())) +
                                   ": allowed is an id or the fields of a rule, not both");
      }
    }
  } else if (fields.size() == 1) {
    operation.errors.emplace_back("id: missing, allowed is an id or the fields of the rule to delete");
  } else if (fields.contains("expires")) {
    operation.errors.emplace_back("expires: allowed are the other fields of a rule with delete");
  } else {
    read_rule(fields, now_ns, operation);
  }
}

void refuse_others(const json& fields, std::initializer_list<const char*> allowed, const char* text,
                   BatchOperation& operation) {
  for (const auto& field : fields.items()) {
    if (std::none_of(allowed.begin(), allowed.end(), [&field](const char* name) { return field.key() == name; })) {
      operation.errors.push_back(excerpt(std::string_view(field.key())) + ": " + text);
    }
  }
}

BatchOperation read_operation(const json& fields, TimestampNs now_ns) {
  BatchOperation operation;
  if (!fields.is_object()) {
    operation.errors.push_back("read " + excerpt(fields) +
                               ", allowed is an object with an operation and the fields of a rule");
    return operation;
  }
  read_kind(fields, operation);
  if (const auto id = fields.find("id"); id != fields.end()) {
    operation.id = {excerpt(*id), whole_number(*id)};
  }
  switch (operation.kind) {
    case Kind::erase:
      read_erase(fields, now_ns, operation);
      break;
    case Kind::move:
      if (const auto to = fields.find("to"); to != fields.end()) operation.to = {excerpt(*to), whole_number(*to)};
      refuse_others(fields, {"operation", "id", "to"}, "allowed with move are id and to", operation);
      break;
    case Kind::flush:
      refuse_others(fields, {"operation"}, "allowed with flush is no other field", operation);
      break;
    default:
      read_rule(fields, now_ns, operation);
  }
  return operation;
}

// The chain while a batch is performed on it. An operation with an error inserts an unknown rule, so that later
// operations do not fail because of it.
class BatchRun {
 public:
  BatchRun(const std::vector<Rule>& rules, const std::vector<std::string>& set_names)
      : pool_(rules), former_(rules.size()), known_sets_(set_names) {
    for (std::size_t i = 0; i < rules.size(); ++i) order_.push_back(i);
  }

  void perform(std::size_t number, const BatchOperation& operation) {
    label_ = "rule " + std::to_string(number);
    if (const char* name = operation_name(operation.kind)) label_ += " (" + std::string(name) + ")";
    for (const std::string& error : operation.errors) refuse(error);
    switch (operation.kind) {
      case Kind::unknown:
        checked_rule(operation);  // for its errors only
        order_.push_back(kUnknown);
        return;
      case Kind::insert:
        return insert(operation);
      case Kind::append:
        return append(operation);
      case Kind::update:
        return update(operation);
      case Kind::erase:
        return erase(operation);
      case Kind::move:
        return move(operation);
      case Kind::flush:
        note({Kind::flush, 0, std::nullopt, std::nullopt, order_.size()});
        return order_.clear();
    }
  }

  void check_size() {
    if (order_.size() > kRulesMax) {
      errors_.push_back("the chain would have " + std::to_string(order_.size()) + " rules, allowed are at most " +
                        std::to_string(kRulesMax));
    }
  }

  const std::vector<std::string>& errors() const { return errors_; }

  std::vector<BatchChange> changes() { return std::move(changes_); }

  std::vector<TwiceRule> twice() const {
    std::vector<TwiceRule> twice;
    const auto is_new = [this](std::size_t index) { return index >= former_; };
    if (std::none_of(order_.begin(), order_.end(), is_new)) return twice;
    std::unordered_map<std::string, std::vector<std::size_t>> same;
    for (std::size_t id = 0; id < order_.size(); ++id) {
      std::vector<std::size_t>& ids = same[rule_key(pool_[order_[id]])];
      ids.push_back(id);
    }
    for (const auto& [key, ids] : same) {
      for (std::size_t i = 0; i < ids.size() && ids.size() > 1; ++i) {
        const std::size_t other = ids[i == 0 ? 1 : 0];
        if (is_new(order_[ids[i]]) && (i != 0 || !is_new(order_[other]))) twice.push_back({ids[i], other});
      }
    }
    std::sort(twice.begin(), twice.end(), [](const TwiceRule& a, const TwiceRule& b) { return a.id < b.id; });
    return twice;
  }

  std::vector<Rule> rules() {
    std::vector<Rule> rules;
    rules.reserve(order_.size());
    for (const std::size_t index : order_) rules.push_back(std::move(pool_.at(index)));
    return rules;
  }

 private:
  using Place = std::vector<std::size_t>::iterator;
  static constexpr std::size_t kUnknown = ~std::size_t{0};

  void refuse(const std::string& error) { errors_.push_back(label_ + ": " + error); }

  Place place(std::size_t id) { return order_.begin() + static_cast<std::ptrdiff_t>(id); }

  void note(BatchChange change) {
    if (changes_.size() < kChangesReported) changes_.push_back(std::move(change));
  }

  // Where the rule is known: errors have been noted else.
  void note(Kind kind, std::size_t id, std::size_t index, std::optional<std::size_t> to = std::nullopt) {
    if (index != kUnknown && changes_.size() < kChangesReported) note({kind, id, pool_[index], to, 0});
  }

  // Returns the id if it is below `end`.
  std::optional<std::size_t> checked_id(const BatchOperation& operation, std::size_t end) {
    return checked_place(operation.id, "id", end);
  }

  std::optional<std::size_t> checked_place(const std::optional<BatchOperation::Id>& given, const std::string& field,
                                           std::size_t end) {
    const std::string allowed =
        end == 0 ? ", but the chain has no rules at this point of the batch"
                 : ", allowed is a whole number from 0 to " + std::to_string(end - 1) + " at this point of the batch";
    if (!given) {
      refuse(field + ": missing" + allowed);
      return std::nullopt;
    }
    const auto& [read, number] = *given;
    if (!number || *number >= end) {
      refuse(field + ": read " + read + allowed);
      return std::nullopt;
    }
    return static_cast<std::size_t>(*number);
  }

  // Returns nullopt if a field has an error.
  std::optional<Rule> checked_rule(const BatchOperation& operation) {
    if (!operation.rule) return std::nullopt;
    RuleErrors errors = operation.rule_errors;
    known_sets_.check(*operation.rule, errors);
    for (const std::string& error : errors) refuse(error);
    return errors.empty() ? operation.rule : std::nullopt;
  }

  std::size_t pooled(std::optional<Rule> rule) {
    if (!rule) return kUnknown;
    pool_.push_back(std::move(*rule));
    return pool_.size() - 1;
  }

  void insert(const BatchOperation& operation) {
    const std::size_t id = checked_id(operation, order_.size() + 1).value_or(order_.size());
    const std::size_t index = pooled(checked_rule(operation));
    order_.insert(place(id), index);
    note(Kind::insert, id, index);
  }

  void append(const BatchOperation& operation) {
    if (operation.id) {
      refuse("id: read " + operation.id->read + ", allowed is no id with append, which adds a rule behind all others");
    }
    order_.push_back(pooled(checked_rule(operation)));
    note(Kind::append, order_.size() - 1, order_.back());
  }

  void update(const BatchOperation& operation) {
    const auto id = checked_id(operation, order_.size());
    std::optional<Rule> rule = checked_rule(operation);
    if (!id) return;
    const std::size_t old = *place(*id);
    if (rule && old != kUnknown) rule->counter = pool_[old].counter;
    *place(*id) = pooled(std::move(rule));
    note(Kind::update, *id, *place(*id));
  }

  void erase(const BatchOperation& operation) {
    if (!operation.id) return erase_match(operation);
    if (const auto id = checked_id(operation, order_.size())) erase_at(place(*id));
  }

  void erase_at(Place at) {
    note(Kind::erase, static_cast<std::size_t>(at - order_.begin()), *at);
    order_.erase(at);
  }

  void move(const BatchOperation& operation) {
    const auto from = checked_id(operation, order_.size());
    const auto to = checked_place(operation.to, "to", order_.size());
    if (!from || !to) return;
    const std::size_t index = *place(*from);
    note(Kind::move, *from, index, *to);
    order_.erase(place(*from));
    order_.insert(place(*to), index);
  }

  void erase_match(const BatchOperation& operation) {
    const std::optional<Rule> rule = checked_rule(operation);
    if (!rule) return;
    auto found = std::find_if(order_.begin(), order_.end(), [&](std::size_t index) {
      if (index == kUnknown) return false;
      const Rule& candidate = pool_[index];
      return candidate.action == rule->action && candidate.log_every == rule->log_every &&
             candidate.limit == rule->limit && same_match(candidate.match, rule->match) &&
             (!operation.described || candidate.description == rule->description);
    });
    if (found == order_.end()) found = std::find(order_.begin(), order_.end(), kUnknown);
    if (found == order_.end()) {
      return refuse("no rule in the chain at this point of the batch is exactly this one (a missing action is drop)");
    }
    erase_at(found);
  }

  std::vector<Rule> pool_;          // old and new rules
  std::size_t former_;              // of them were in the chain before
  std::vector<std::size_t> order_;  // the chain: indexes into the pool, or kUnknown
  KnownSets known_sets_;
  std::vector<BatchChange> changes_;
  std::string label_;
  std::vector<std::string> errors_;
};

// Returns the operations of a batch. Throws BatchError if it is not a batch.
const json& operations_of(const json& batch) {
  if (!batch.is_object()) throw BatchError({"batch: read " + excerpt(batch) + ", allowed is {\"rules\": [...]}"});
  std::vector<std::string> errors;
  for (const auto& field : batch.items()) {
    if (field.key() != "rules" && field.key() != kUnjudged && field.key() != kNonIp) {
      errors.push_back("batch: " + excerpt(std::string_view(field.key())) +
                       ": unknown field, allowed are rules, unjudged and non_ip");
    }
  }
  if (is_ruleset(batch)) {
    errors.emplace_back(
        "batch: no entry has an operation: this is a ruleset, which 'nicsentry rules load' takes; each entry of a "
        "batch has insert, append, update, delete, move or flush");
    throw BatchError(std::move(errors));
  }
  const auto rules = batch.find("rules");
  if (rules == batch.end()) {
    errors.emplace_back("batch: rules: missing, allowed is a list of operations");
  } else if (!rules->is_array()) {
    errors.push_back("batch: rules: read " + excerpt(*rules) + ", allowed is a list of operations");
  } else if (rules->size() > kOperationsMax) {
    errors.push_back("batch: rules: read a list of " + std::to_string(rules->size()) +
                     " operations, allowed are at most " + std::to_string(kOperationsMax));
  }
  if (!errors.empty()) throw BatchError(std::move(errors));
  return *rules;
}

}  // namespace

const char* operation_name(Kind kind) {
  for (const OperationName& candidate : kOperations) {
    if (candidate.kind == kind) return candidate.name;
  }
  return nullptr;
}

BatchError::BatchError(std::vector<std::string> errors)
    : BadRequest(joined_lines(errors)), errors_(std::move(errors)) {}

Batch parse_batch(const json& batch, TimestampNs now_ns) {
  Batch parsed;
  for (const json& fields : operations_of(batch)) parsed.operations.push_back(read_operation(fields, now_ns));
  if (batch.contains(kUnjudged)) parsed.drop_unjudged = parse_unjudged(batch.at(kUnjudged));
  if (batch.contains(kNonIp)) parsed.non_ip = parse_non_ip(batch.at(kNonIp));
  return parsed;
}

void check_interfaces(Chain chain, const std::vector<Rule>& rules) {
  const bool ingress = chain == Chain::ingress;
  std::vector<std::string> errors;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const InterfaceMatch& other = ingress ? rules[i].match.out : rules[i].match.in;
    if (!other.any()) {
      errors.push_back("rule with id " + std::to_string(i) + ": " + (ingress ? "out" : "in") + ": allowed in the " +
                       chain_name(ingress ? Chain::egress : Chain::ingress) + " chain only");
    }
  }
  if (!errors.empty()) throw BatchError(std::move(errors));
}

BatchResult perform_batch(const ChainRules& chain, const Batch& batch, const std::vector<std::string>& set_names) {
  BatchRun run(chain.rules, set_names);
  for (std::size_t i = 0; i < batch.operations.size(); ++i) run.perform(i + 1, batch.operations[i]);
  run.check_size();
  if (!run.errors().empty()) throw BatchError(run.errors());
  BatchResult result{chain, run.changes(), run.twice()};
  result.chain.rules = run.rules();
  result.chain.drop_unjudged = batch.drop_unjudged.value_or(chain.drop_unjudged);
  if (batch.non_ip) result.chain.non_ip = *batch.non_ip;
  return result;
}

ChainRules apply_batch(const ChainRules& chain, const Batch& batch, const std::vector<std::string>& set_names) {
  return perform_batch(chain, batch, set_names).chain;
}

}  // namespace nicsentry
