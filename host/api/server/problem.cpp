// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/problem.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "host/base/error.h"
#include "host/rules/language/batch.h"

namespace nicsentry {
namespace {

using nlohmann::ordered_json;

const char* title_of(unsigned status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

unsigned status_of(const std::exception& error) {
  if (dynamic_cast<const BadRequest*>(&error) != nullptr || dynamic_cast<const BatchError*>(&error) != nullptr) {
    return 400;
  }
  if (dynamic_cast<const NotFound*>(&error) != nullptr) {
    return 404;
  }
  if (dynamic_cast<const Conflict*>(&error) != nullptr) {
    return 409;
  }
  if (dynamic_cast<const Unavailable*>(&error) != nullptr) {
    return 503;
  }
  return 500;
}

Response document(unsigned status, const std::string& detail, const std::vector<std::string>& errors) {
  ordered_json object{{"type", "about:blank"}, {"title", title_of(status)}, {"status", status}, {"detail", detail}};
  if (!errors.empty()) {
    object["errors"] = errors;
  }
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return response;
}

}  // namespace

Response problem(const std::exception& error) {
  const auto* batch = dynamic_cast<const BatchError*>(&error);
  return document(status_of(error), error.what(), batch != nullptr ? batch->errors() : std::vector<std::string>());
}

Response problem(unsigned status, const std::string& detail) { return document(status, detail, {}); }

}  // namespace nicsentry
