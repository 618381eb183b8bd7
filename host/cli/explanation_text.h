// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/api/json/explain_json.h"

namespace nicsentry {

// One packet's explanation in full; `asked` is the answer that it is part of.
std::string explanation_text(const ExplainAnswer& asked, const PacketExplanation& explanation);

// "TCP 192.0.2.1:40000 > 192.0.2.2:80 SYN NEW"
std::string packet_text(const PacketExplanation& explanation);
// A rule's fields in their usual order, as JSON.
std::string rule_text(const NumberedRule& rule);
// "rule 3", "blocked", "default", ...
std::string decision_text(const PacketExplanation& explanation);
// "drop" or "accept"
// " within the limit of rule 3", " beyond its limit"; empty where no limit holds for the packet.
std::string limits_text(const PacketExplanation& explanation);
std::string verdict_text(const PacketExplanation& explanation);

}  // namespace nicsentry
