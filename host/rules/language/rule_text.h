// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/rules/language/rule.h"

namespace nicsentry {

// What is wrong with one field of a rule: the field, what was read and what is allowed, in one line:
// "sport: read \"http\", allowed is a port (0 to 65535) or a range of ports (\"1000-2000\")".
using RuleErrors = std::vector<std::string>;

// Reads a rule's fields: src, dst, l4proto, sport, dport, tcpflags, conntrack, action, description, expires.
// `operation` and `id` are the batch's and passed over; any other field is an error. Every error is appended to
// `errors`; the rule is good only when there was none. `expires` is a duration ("10m") from `now_ns` on.
Rule parse_rule(const nlohmann::json& fields, TimestampNs now_ns, RuleErrors& errors);

// The rule as the earlier system's firewall_updater.py printed one: {"id": 0, "src": ..., "action": "drop"}, fields
// that are missing left out, in the order id, src, dst, l4proto, sport, dport, tcpflags, conntrack, action,
// description, expires. `accept` is written "forward". expires is the time left, in whole seconds ("598s").
nlohmann::ordered_json rule_json(const Rule& rule, std::size_t id, TimestampNs now_ns);

// "Ingress rules:" and each rule on a line, indented by a tab, then the default policy as one more:
// {"id": 2, "action": "forward", "description": "Default Policy"}. `title` is "Ingress" or "Egress".
std::string chain_text(const std::string& title, const ChainRules& chain, TimestampNs now_ns);

}  // namespace nicsentry
