// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/rules/language/rule.h"

namespace nicsentry {

// Whether both have the same fields, in any order of a list.
bool same_match(const RuleMatch& left, const RuleMatch& right);

// A text that two rules share exactly if they match the same packets by the same fields, in any order of a list, and do
// the same with them.
std::string rule_key(const Rule& rule);

}  // namespace nicsentry
