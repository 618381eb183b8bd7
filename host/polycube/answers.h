// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <exception>
#include <nlohmann/json.hpp>
#include <string>

#include "host/api/server/request.h"

namespace nicsentry::polycube {

// Answers as Polycube's daemon gives them.
Response with_json(const nlohmann::ordered_json& document, unsigned status = 200);
Response with_json_text(std::string document);  // 200
Response with_text(const std::string& text, unsigned status = 200);
Response created();     // 201: a resource was made or replaced
Response done();        // 200 without a body: a setting was changed, a cube attached
Response no_content();  // 204: a resource was removed

// A request that the data model does not allow: {"ietf-restconf:errors": ...} with this tag (RFC 8040).
Response model_error(unsigned status, const std::string& tag, const std::string& info);

// BadRequest is 400, NotFound 404, Conflict 409; anything else 500, also an error of a batch of rules and a change that
// would cut off what this host depends on: then the body is the reason as text, which the earlier clients print.
Response with_error(const std::exception& error);

}  // namespace nicsentry::polycube
