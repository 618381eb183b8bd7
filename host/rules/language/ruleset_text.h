// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "host/rules/language/rule.h"

namespace nicsentry {

// A chain as rulesets have it. Rules with a lifetime have `expires`, the lifetime they were given, and `expires_ns`.
nlohmann::ordered_json ruleset_json(const ChainRules& chain);

// A ruleset for whoever edits it: a rule a line, an address a line.
std::string ruleset_text(const nlohmann::json& ruleset);

}  // namespace nicsentry
