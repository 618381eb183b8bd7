// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/rule_operations.h"

#include <strings.h>

#include <algorithm>
#include <array>

#include "host/base/error.h"
#include "host/rules/language/field_text.h"

namespace nicsentry::polycube {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 7> kActions{"append", "insert",      "update",        "delete",
                                              "batch",  "apply-rules", "reset-counters"};

bool names(const json& operation, const char* word) {
  const auto kind = operation.find("operation");
  return kind != operation.end() && kind->is_string() &&
         strcasecmp(kind->get_ref<const std::string&>().c_str(), word) == 0;
}

json as_polycube_reads(json operation) {
  if (!operation.is_object()) {
    return operation;  // parse_batch() says what is allowed
  }
  if (names(operation, "append")) {
    operation.erase("id");
  }
  if (names(operation, "delete") && operation.contains("id")) {
    return {{"operation", "delete"}, {"id", operation.at("id")}};
  }
  return operation;
}

}  // namespace

json batch_operations(const json& body) {
  if (!body.is_object() || !body.contains("rules") || !body.at("rules").is_array() || body.size() != 1) {
    throw BadRequest("the body: allowed is {\"rules\": [...]}");
  }
  json operations = json::array();
  for (const json& operation : body.at("rules")) {
    operations.push_back(as_polycube_reads(operation));
  }
  return operations;
}

bool is_rule_action(const std::string& name) {
  return std::find(kActions.begin(), kActions.end(), name) != kActions.end();
}

json one_operation(const std::string& action, const json& fields) {
  if (!fields.is_object()) {
    throw BadRequest("the body: allowed is an object with the fields of a rule");
  }
  json operation = fields;
  operation["operation"] = action;
  if (action == "insert") {
    if (!operation.contains("id")) {
      operation["id"] = 0;
    } else if (!operation.at("id").is_number_unsigned()) {
      throw BadRequest("id: allowed is a whole number");
    }
  }
  return as_polycube_reads(std::move(operation));
}

json placed_rules(const json& rules, std::size_t size) {
  if (!rules.is_array()) {
    throw BadRequest("allowed is a list of rules");
  }
  json operations = json::array();
  for (const json& rule : rules) {
    if (!rule.is_object() || !rule.contains("id") || !rule.at("id").is_number_unsigned()) {
      throw BadRequest("allowed are rules with an id, a whole number");
    }
    json operation = rule;
    const auto id = rule.at("id").get<std::size_t>();
    operation["operation"] = id == size ? "append" : "update";
    size += id == size ? 1 : 0;
    operations.push_back(as_polycube_reads(std::move(operation)));
  }
  return operations;
}

json all_removed(std::size_t size) {
  json operations = json::array();
  for (std::size_t i = 0; i < size; ++i) {
    operations.push_back({{"operation", "delete"}, {"id", size - 1 - i}});
  }
  return operations;
}

RuleAction parse_default(const std::string& text) {
  const auto action = parse_action(text);
  if (action != RuleAction::drop && action != RuleAction::accept) {
    throw BadRequest("default: read '" + text + "', allowed are DROP and FORWARD (or ACCEPT)");
  }
  return *action;
}

}  // namespace nicsentry::polycube
