// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace nicsentry {

// A chain as /firewall/rules answers it, as a table in the order of decision: packets and bytes, then what decided on
// them, rules as they stand in `text` (chain_text()).
std::string rules_statistics(const nlohmann::json& chain, const std::string& text);

}  // namespace nicsentry
