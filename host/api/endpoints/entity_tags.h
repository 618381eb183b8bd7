// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "host/api/server/request.h"
#include "host/enforce/firewall.h"

namespace nicsentry {

// Tags of what can be changed (RFC 9110, 8.8.3): the same for as long as it says the same, whatever is counted, and
// also in the next run. A set that does not exist has an empty tag.
std::string rules_tag(const Firewall& firewall);
std::string set_tag(const Firewall& firewall, const std::string& set);
// Both chains, and all sets but the built-in ones.
std::string ruleset_tag(const Firewall& firewall);

// A whole answer with the tag of what it shows.
Response tagged(const nlohmann::ordered_json& answer, const std::string& tag);

// Adds the header If-Match of a request to the terms of its change, if it has one. `tag` returns the present tag.
// Throws BadRequest for a header that is none.
void require_tag(ChangeTerms& terms, const Request& request, std::function<std::string()> tag);

}  // namespace nicsentry
