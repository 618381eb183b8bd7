// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/batch.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "host/rules/language/chain_settings.h"
#include "host/rules/language/known_sets.h"
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

const std::string& sort_key(const std::string& name) { return name; }

auto sort_key(const AddressRange& range) { return std::tie(range.first.version, range.first.bytes, range.last.bytes); }

template <typename Value>
void sort(std::vector<Value>& values) {
  std::sort(values.begin(), values.end(), [](const Value& a, const Value& b) { return sort_key(a) < sort_key(b); });
}

template <typename Value>
bool same_elements(const std::vector<Value>& left, const std::vector<Value>& right) {
  if (left.size() != right.size()) return false;
  if (left == right) return true;
  std::vector<Value> sorted_left = left;
  std::vector<Value> sorted_right = right;
  sort(sorted_left);
  sort(sorted_right);
  return sorted_left == sorted_right;
}

// Compares without regard to the order of an address's terms.
bool same_addresses(const AddressMatch& left, const AddressMatch& right) {
  return same_elements(left.ranges, right.ranges) && same_elements(left.sets, right.sets) &&
         same_elements(left.except_ranges, right.except_ranges) && same_elements(left.except_sets, right.except_sets);
}

bool same_interfaces(const InterfaceMatch& left, const InterfaceMatch& right) {
  return same_elements(left.names, right.names) && same_elements(left.except, right.except);
}

bool same_match(const RuleMatch& left, const RuleMatch& right) {
  return same_interfaces(left.in, right.in) && same_interfaces(left.out, right.out) &&
         left.protocol == right.protocol && left.source_ports == right.source_ports &&
         left.destination_ports == right.destination_ports && left.tcp_flags == right.tcp_flags &&
         left.state == right.state && same_addresses(left.source, right.source) &&
         same_addresses(left.destination, right.destination);
}

using Kind = BatchOperation::Kind;

struct OperationName {
  const char* name;
  Kind kind;
};
constexpr OperationName kOperations[] = {
    {"insert", Kind::insert}, {"append", Kind::append}, {"update", Kind::update}, {"delete", Kind::erase}};

const char* name_of(Kind kind) {
  for (const OperationName& candidate : kOperations) {
    if (candidate.kind == kind) return candidate.name;
  }
  return nullptr;
}

// Accepts a number, or its digits as a string, as other fields do.
std::optional<std::uint64_t> whole_number(const json& field) {
  if (field.is_number_unsigned()) return field.get<std::uint64_t>();
  if (field.is_number_integer() && field.get<std::int64_t>() >= 0) {
    return static_cast<std::uint64_t>(field.get<std::int64_t>());
  }
  if (!field.is_string()) return std::nullopt;
  const std::string_view text = trimmed(field.get_ref<const std::string&>());
  std::uint64_t number = 0;
  const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && rest == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

void read_kind(const json& fields, BatchOperation& operation) {
  const std::string allowed = ", allowed is insert, append, update or delete";
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
  if (operation.kind == Kind::erase) {
    read_erase(fields, now_ns, operation);
  } else {
    read_rule(fields, now_ns, operation);
  }
  return operation;
}

// The chain while a batch is performed on it. An operation with an error inserts an unknown rule, so that later
// operations do not fail because of it.
class BatchRun {
 public:
  BatchRun(const std::vector<Rule>& rules, const std::vector<std::string>& set_names)
      : pool_(rules), known_sets_(set_names) {
    for (std::size_t i = 0; i < rules.size(); ++i) order_.push_back(i);
  }

  void perform(std::size_t number, const BatchOperation& operation) {
    label_ = "rule " + std::to_string(number);
    if (const char* name = name_of(operation.kind)) label_ += " (" + std::string(name) + ")";
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
    }
  }

  void check_size() {
    if (order_.size() > kRulesMax) {
      errors_.push_back("the chain would have " + std::to_string(order_.size()) + " rules, allowed are at most " +
                        std::to_string(kRulesMax));
    }
  }

  const std::vector<std::string>& errors() const { return errors_; }

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

  // Returns the id if it is below `end`.
  std::optional<std::size_t> checked_id(const BatchOperation& operation, std::size_t end) {
    const std::string allowed =
        end == 0 ? ", but the chain has no rules at this point of the batch"
                 : ", allowed is a whole number from 0 to " + std::to_string(end - 1) + " at this point of the batch";
    if (!operation.id) {
      refuse("id: missing" + allowed);
      return std::nullopt;
    }
    const auto& [read, number] = *operation.id;
    if (!number || *number >= end) {
      refuse("id: read " + read + allowed);
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
    order_.insert(place(id), pooled(checked_rule(operation)));
  }

  void append(const BatchOperation& operation) {
    if (operation.id) {
      refuse("id: read " + operation.id->read + ", allowed is no id with append, which adds a rule behind all others");
    }
    order_.push_back(pooled(checked_rule(operation)));
  }

  void update(const BatchOperation& operation) {
    const auto id = checked_id(operation, order_.size());
    std::optional<Rule> rule = checked_rule(operation);
    if (!id) return;
    const std::size_t old = *place(*id);
    if (rule && old != kUnknown) rule->counter = pool_[old].counter;
    *place(*id) = pooled(std::move(rule));
  }

  void erase(const BatchOperation& operation) {
    if (!operation.id) return erase_match(operation);
    if (const auto id = checked_id(operation, order_.size())) order_.erase(place(*id));
  }

  void erase_match(const BatchOperation& operation) {
    const std::optional<Rule> rule = checked_rule(operation);
    if (!rule) return;
    auto found = std::find_if(order_.begin(), order_.end(), [&](std::size_t index) {
      if (index == kUnknown) return false;
      const Rule& candidate = pool_[index];
      return candidate.action == rule->action && candidate.log_every == rule->log_every &&
             same_match(candidate.match, rule->match) &&
             (!operation.described || candidate.description == rule->description);
    });
    if (found == order_.end()) found = std::find(order_.begin(), order_.end(), kUnknown);
    if (found == order_.end()) {
      return refuse("no rule in the chain at this point of the batch is exactly this one (a missing action is drop)");
    }
    order_.erase(found);
  }

  std::vector<Rule> pool_;          // old and new rules
  std::vector<std::size_t> order_;  // the chain: indexes into the pool, or kUnknown
  KnownSets known_sets_;
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
        "batch has insert, append, update or delete");
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

std::string rule_key(const Rule& rule) {
  // By its text, which has every field; lists in an order of their own.
  Rule plain;
  plain.match = rule.match;
  plain.action = rule.action;
  plain.log_every = rule.log_every;
  for (AddressMatch* match : {&plain.match.source, &plain.match.destination}) {
    sort(match->ranges);
    sort(match->sets);
    sort(match->except_ranges);
    sort(match->except_sets);
  }
  for (InterfaceMatch* match : {&plain.match.in, &plain.match.out}) {
    sort(match->names);
    sort(match->except);
  }
  return rule_json(plain, 0, 0).dump(-1, ' ', false, json::error_handler_t::replace);
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

ChainRules apply_batch(const ChainRules& chain, const Batch& batch, const std::vector<std::string>& set_names) {
  BatchRun run(chain.rules, set_names);
  for (std::size_t i = 0; i < batch.operations.size(); ++i) run.perform(i + 1, batch.operations[i]);
  run.check_size();
  if (!run.errors().empty()) throw BatchError(run.errors());
  ChainRules changed = chain;
  changed.rules = run.rules();
  changed.drop_unjudged = batch.drop_unjudged.value_or(chain.drop_unjudged);
  if (batch.non_ip) changed.non_ip = *batch.non_ip;
  return changed;
}

}  // namespace nicsentry
