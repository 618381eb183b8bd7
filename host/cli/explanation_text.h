// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace nicsentry {

// Of an answer of /firewall/explain (`chain`) one of its packets' answers, in full.
std::string explanation_text(const nlohmann::json& chain, const nlohmann::json& answer);

// "TCP 192.0.2.1:40000 > 192.0.2.2:80 SYN NEW"
std::string packet_text(const nlohmann::json& answer);
// A rule's fields in their usual order, as JSON.
std::string rule_text(const nlohmann::json& rule);
// "rule 3", "blocked", "default", ...
std::string decision_text(const nlohmann::json& answer);

}  // namespace nicsentry
