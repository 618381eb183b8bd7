// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry {

// Errors of a rule's fields. Each is one line with the field, the value and the allowed values: "sport: read \"http\",
// allowed is a port (0 to 65535) or a range of ports (\"1000-2000\")".
using RuleErrors = std::vector<std::string>;

// The names of a rule's fields, in the order in which they are written.
std::span<const char* const> rule_fields();

// Parses a rule's fields: those of rule_fields(). Ignores `operation` and `id`, which belong to the batch; any other
// field is an error. Appends every error to `errors`; the rule is valid only if there was none. `expires` is a duration
// ("10m") from `now_ns` on.
Rule parse_rule(const nlohmann::json& fields, TimestampNs now_ns, RuleErrors& errors);

// Returns a rule as firewall_updater.py of the earlier system printed it: {"id": 0, "src": ..., "action": "drop"}.
// Leaves out missing fields. The order is id, then that of rule_fields(). `accept` is written "forward". `expires` is
// the remaining time in whole seconds ("598s").
nlohmann::ordered_json rule_json(const Rule& rule, std::size_t id, TimestampNs now_ns);

// Formats like Python's json.dumps: with blanks after ',' and ':', and in ASCII.
std::string python_json(const nlohmann::ordered_json& value);

// Returns "Ingress rules:" and a line for each rule, indented by a tab. The last line is the default policy: {"id": 2,
// "action": "forward", "description": "Default Policy"}. `title` is "Ingress" or "Egress".
std::string chain_text(const std::string& title, const ChainRules& chain, TimestampNs now_ns);

}  // namespace nicsentry
