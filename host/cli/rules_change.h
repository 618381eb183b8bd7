// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <CLI/CLI.hpp>

#include "host/api/json/rules_json.h"
#include "host/cli/commands.h"

namespace nicsentry {

// The name of the argument that holds the words of a rule.
inline constexpr const char* kRuleWords = "RULE";

// Adds `rules add`, `insert`, `delete`, `move` and `flush`: one change of a chain without a file.
void add_change_commands(CLI::App& rules, Action& chosen);

// Warns of rules that a batch added beside equal ones, with the ids of both.
void warn_of_twice(const BatchAnswer& answer);
// Prints how many rules a chain has after a batch.
void report_rules(Chain chain, const BatchAnswer& answer);

}  // namespace nicsentry
