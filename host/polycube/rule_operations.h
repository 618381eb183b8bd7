// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "host/rules/language/rule.h"

namespace nicsentry::polycube {

// Requests of the API's clients as operations of a batch (host/rules/language/batch.h). Functions throw BadRequest.

// {"rules": [...]}: as Polycube, `append` takes no notice of an id, and `delete` with an id of anything else.
nlohmann::json batch_operations(const nlohmann::json& body);

// append, insert, update, delete, batch, apply-rules, reset-counters.
bool is_rule_action(const std::string& name);
// The operation of `append`, `insert`, `update` or `delete`. An insertion without an id is at the beginning.
nlohmann::json one_operation(const std::string& action, const nlohmann::json& fields);

// Rules with the place of each: one below `size` takes the place of the rule that is there, the next one is appended.
nlohmann::json placed_rules(const nlohmann::json& rules, std::size_t size);
// Deletes `size` rules.
nlohmann::json all_removed(std::size_t size);

// The default of a chain: DROP, ACCEPT, FORWARD.
RuleAction parse_default(const std::string& text);

}  // namespace nicsentry::polycube
