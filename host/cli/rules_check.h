// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>

#include "host/rules/language/rule.h"

namespace nicsentry {

// Compiles a ruleset, or a batch as if it came to an empty chain, for a program as it is built, and prints what came of
// it: sizes beside the room for them, and rules that no packet reaches. Sets that the rules name are taken to exist.
// Asks neither a controller nor the kernel. `as_json`: an object of each chain. Throws Error with everything that is
// wrong.
void check_rules(const nlohmann::json& file, Chain chain, bool as_json);

}  // namespace nicsentry
