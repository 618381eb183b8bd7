// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/api/json/rules_json.h"

namespace nicsentry {

// A chain as a table in the order of decision: packets and bytes, then what decided on them, rules as they stand in the
// chain's text.
std::string rules_statistics(const ChainAnswer& chain);

}  // namespace nicsentry
