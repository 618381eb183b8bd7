// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "host/enforce/change_terms.h"

namespace nicsentry::polycube {

// The terms of a change of rules; looks at the processes of this host.
using FindTerms = std::function<ChangeTerms()>;

// A request of the API, as the resource that it names sees it.
struct Call {
  std::string method;             // "GET", "POST", ...
  std::vector<std::string> path;  // decoded, without empty parts, behind "/polycube/v1"
  std::string text;               // the body as it came
  std::string base;               // "//127.0.0.1:9000", for links
  FindTerms terms = [] { return ChangeTerms{}; };

  // The body as JSON; an empty object where none came. Throws BadRequest.
  nlohmann::json body() const;
  // The body of a setting: a JSON string, number or truth value, or its bare text. Throws BadRequest.
  std::string word() const;
  // The path from its part `from` on.
  std::span<const std::string> from(std::size_t part) const;
};

}  // namespace nicsentry::polycube
