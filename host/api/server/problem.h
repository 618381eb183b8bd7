// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <exception>
#include <string>

#include "host/api/server/request.h"

namespace nicsentry {

// The one place where an error becomes a status: BadRequest (and a batch's errors) 400, NotFound 404, Conflict 409,
// PreconditionFailed 412,
// Unavailable 503, anything else 500. The answer is a problem document (RFC 9457) with type, title, status and detail;
// "errors" lists each error of a batch for itself.
Response problem(const std::exception& error);
Response problem(unsigned status, const std::string& detail);
// For a path or a method that no route has, so that a client can tell it from a set that does not exist.
Response unknown_resource(unsigned status, const std::string& detail);

}  // namespace nicsentry
