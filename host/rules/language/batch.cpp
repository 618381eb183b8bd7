// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/batch.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "host/rules/language/rule_text.h"
#include "host/rules/language/words.h"

namespace nicsentry {
namespace {

using nlohmann::json;

// Enough to delete, insert and update every rule of a full chain, and a bound on what a batch costs.
constexpr std::size_t kOperationsMax = 4 * kRulesMax;
constexpr std::size_t kSetsNamed = 10;

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

const std::string& sort_key(const std::string& name) { return name; }

auto sort_key(const AddressRange& range) { return std::tie(range.first.version, range.first.bytes, range.last.bytes); }

template <typename Value>
bool same_elements(const std::vector<Value>& left, const std::vector<Value>& right) {
  if (left.size() != right.size()) return false;
  if (left == right) return true;
  std::vector<Value> sorted_left = left;
  std::vector<Value> sorted_right = right;
  const auto by_key = [](const Value& a, const Value& b) { return sort_key(a) < sort_key(b); };
  std::sort(sorted_left.begin(), sorted_left.end(), by_key);
  std::sort(sorted_right.begin(), sorted_right.end(), by_key);
  return sorted_left == sorted_right;
}

// The order of an address's terms does not matter.
bool same_addresses(const AddressMatch& left, const AddressMatch& right) {
  return same_elements(left.ranges, right.ranges) && same_elements(left.sets, right.sets) &&
         same_elements(left.except_ranges, right.except_ranges) && same_elements(left.except_sets, right.except_sets);
}

bool same_match(const RuleMatch& left, const RuleMatch& right) {
  return left.protocol == right.protocol && left.source_ports == right.source_ports &&
         left.destination_ports == right.destination_ports && left.tcp_flags == right.tcp_flags &&
         left.state == right.state && same_addresses(left.source, right.source) &&
         same_addresses(left.destination, right.destination);
}

enum class Operation { insert, append, update, erase };

struct OperationName {
  const char* name;
  Operation operation;
};
constexpr OperationName kOperations[] = {{"insert", Operation::insert},
                                         {"append", Operation::append},
                                         {"update", Operation::update},
                                         {"delete", Operation::erase}};

const OperationName* find_operation(const std::string& name) {
  for (const OperationName& candidate : kOperations) {
    if (same_word(candidate.name, name)) return &candidate;
  }
  return nullptr;
}

// A number, or its digits as a string, as other fields take them, too.
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

// The chain while a batch is performed on it. An operation with an error still takes its place: what it would have
// brought stands in the chain as an unknown rule, so that it does not make errors of those behind it.
class BatchRun {
 public:
  BatchRun(const std::vector<Rule>& rules, const std::vector<std::string>& set_names, TimestampNs now_ns)
      : pool_(rules), set_names_(set_names), known_sets_(set_names.begin(), set_names.end()), now_ns_(now_ns) {
    for (std::size_t i = 0; i < rules.size(); ++i) order_.push_back(i);
  }

  void perform(std::size_t number, const json& fields) {
    label_ = "rule " + std::to_string(number);
    if (!fields.is_object()) {
      refuse("read " + excerpt(fields) + ", allowed is an object with an operation and the fields of a rule");
      order_.push_back(kUnknown);
      return;
    }
    const OperationName* operation = read_operation(fields);
    if (operation == nullptr) {
      read_rule(fields);  // for its errors
      order_.push_back(kUnknown);
      return;
    }
    label_ += " (" + std::string(operation->name) + ")";
    switch (operation->operation) {
      case Operation::insert:
        return insert(fields);
      case Operation::append:
        return append(fields);
      case Operation::update:
        return update(fields);
      case Operation::erase:
        return erase(fields);
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

  const OperationName* read_operation(const json& fields) {
    const std::string allowed = ", allowed is insert, append, update or delete";
    const auto field = fields.find("operation");
    if (field == fields.end()) {
      refuse("operation: missing" + allowed);
      return nullptr;
    }
    const OperationName* operation =
        field->is_string() ? find_operation(field->get_ref<const std::string&>()) : nullptr;
    if (operation == nullptr) refuse("operation: read " + excerpt(*field) + allowed);
    return operation;
  }

  // The id, where it is below `end`.
  std::optional<std::size_t> read_id(const json& fields, std::size_t end) {
    const std::string allowed =
        end == 0 ? ", but the chain has no rules at this point of the batch"
                 : ", allowed is a whole number from 0 to " + std::to_string(end - 1) + " at this point of the batch";
    const auto field = fields.find("id");
    if (field == fields.end()) {
      refuse("id: missing" + allowed);
      return std::nullopt;
    }
    const auto id = whole_number(*field);
    if (!id || *id >= end) {
      refuse("id: read " + excerpt(*field) + allowed);
      return std::nullopt;
    }
    return static_cast<std::size_t>(*id);
  }

  // Nothing, when there are errors in its fields.
  std::optional<Rule> read_rule(const json& fields) {
    RuleErrors rule_errors;
    Rule rule = parse_rule(fields, now_ns_, rule_errors);
    check_sets("src", rule.match.source, rule_errors);
    check_sets("dst", rule.match.destination, rule_errors);
    for (const std::string& error : rule_errors) refuse(error);
    return rule_errors.empty() ? std::optional(std::move(rule)) : std::nullopt;
  }

  void check_sets(const char* field, const AddressMatch& match, RuleErrors& rule_errors) const {
    for (const auto* sets : {&match.sets, &match.except_sets}) {
      for (const std::string& name : *sets) {
        if (known_sets_.contains(name)) continue;
        rule_errors.push_back(field + std::string(": read \"@") + name + "\", allowed is a set that exists" +
                              existing_sets());
      }
    }
  }

  std::string existing_sets() const {
    if (set_names_.empty()) return " (there is none)";
    std::string list;
    for (std::size_t i = 0; i < std::min(set_names_.size(), kSetsNamed); ++i) {
      list += (i == 0 ? "\"@" : ", \"@") + set_names_[i] + "\"";
    }
    if (set_names_.size() > kSetsNamed) list += " and " + std::to_string(set_names_.size() - kSetsNamed) + " more";
    return " (" + list + ")";
  }

  std::size_t pooled(std::optional<Rule> rule) {
    if (!rule) return kUnknown;
    pool_.push_back(std::move(*rule));
    return pool_.size() - 1;
  }

  void insert(const json& fields) {
    const std::size_t id = read_id(fields, order_.size() + 1).value_or(order_.size());
    order_.insert(place(id), pooled(read_rule(fields)));
  }

  void append(const json& fields) {
    if (const auto id = fields.find("id"); id != fields.end()) {
      refuse("id: read " + excerpt(*id) + ", allowed is no id with append, which adds a rule behind all others");
    }
    order_.push_back(pooled(read_rule(fields)));
  }

  void update(const json& fields) {
    const auto id = read_id(fields, order_.size());
    std::optional<Rule> rule = read_rule(fields);
    if (!id) return;
    const std::size_t old = *place(*id);
    if (rule && old != kUnknown) rule->counter = pool_[old].counter;
    *place(*id) = pooled(std::move(rule));
  }

  void erase(const json& fields) {
    if (!fields.contains("id")) return erase_match(fields);
    for (const auto& field : fields.items()) {
      if (field.key() != "operation" && field.key() != "id") {
        refuse(excerpt(std::string_view(field.key())) + ": allowed is an id or the fields of a rule, not both");
      }
    }
    if (const auto id = read_id(fields, order_.size())) order_.erase(place(*id));
  }

  void erase_match(const json& fields) {
    if (fields.size() == 1) return refuse("id: missing, allowed is an id or the fields of the rule that goes");
    if (fields.contains("expires")) return refuse("expires: allowed are the other fields of a rule with delete");
    const std::optional<Rule> rule = read_rule(fields);
    if (!rule) return;
    const bool described = fields.contains("description");
    auto found = std::find_if(order_.begin(), order_.end(), [&](std::size_t index) {
      if (index == kUnknown) return false;
      const Rule& candidate = pool_[index];
      return candidate.action == rule->action && same_match(candidate.match, rule->match) &&
             (!described || candidate.description == rule->description);
    });
    if (found == order_.end()) found = std::find(order_.begin(), order_.end(), kUnknown);
    if (found == order_.end()) {
      return refuse("no rule in the chain at this point of the batch is exactly this one (a missing action is drop)");
    }
    order_.erase(found);
  }

  std::vector<Rule> pool_;          // old and new rules
  std::vector<std::size_t> order_;  // the chain: places in the pool, or kUnknown
  const std::vector<std::string>& set_names_;
  std::unordered_set<std::string> known_sets_;
  TimestampNs now_ns_;
  std::string label_;
  std::vector<std::string> errors_;
};

// The operations of a batch; throws where it is not one.
const json& operations_of(const json& batch) {
  if (!batch.is_object()) throw BatchError({"batch: read " + excerpt(batch) + ", allowed is {\"rules\": [...]}"});
  std::vector<std::string> errors;
  for (const auto& field : batch.items()) {
    if (field.key() != "rules") {
      errors.push_back("batch: " + excerpt(std::string_view(field.key())) + ": unknown field, allowed is rules");
    }
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

BatchError::BatchError(std::vector<std::string> errors) : Error(joined_lines(errors)), errors_(std::move(errors)) {}

ChainRules apply_batch(const ChainRules& chain, const json& batch, const std::vector<std::string>& set_names,
                       TimestampNs now_ns) {
  const json& operations = operations_of(batch);
  BatchRun run(chain.rules, set_names, now_ns);
  for (std::size_t i = 0; i < operations.size(); ++i) run.perform(i + 1, operations[i]);
  run.check_size();
  if (!run.errors().empty()) throw BatchError(run.errors());
  ChainRules changed = chain;
  changed.rules = run.rules();
  return changed;
}

}  // namespace nicsentry
