// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/server/problem.h"

#include <utility>
#include <vector>

#include "host/api/json/problem_json.h"
#include "host/base/error.h"
#include "host/lockout/cut_off.h"
#include "host/rules/language/batch.h"

namespace nicsentry {
namespace {

const char* title_of(unsigned status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
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
  if (dynamic_cast<const PreconditionFailed*>(&error) != nullptr) {
    return 412;
  }
  if (dynamic_cast<const Unavailable*>(&error) != nullptr) {
    return 503;
  }
  return 500;
}

Response document(Problem problem) {
  problem.title = title_of(problem.status);
  Response response;
  response.status = problem.status;
  response.content_type = kProblemMediaType;
  response.body = encode(problem).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

}  // namespace

Response problem(const std::exception& error) {
  Problem made;
  made.status = status_of(error);
  made.detail = error.what();
  if (const auto* batch = dynamic_cast<const BatchError*>(&error); batch != nullptr) {
    made.errors = batch->errors();
  }
  if (const auto* lock_out = dynamic_cast<const LockOut*>(&error); lock_out != nullptr) {
    made.type = kLockOutProblem;
    made.errors = lock_out->cut_off();
  }
  return document(std::move(made));
}

Response problem(unsigned status, const std::string& detail) {
  Problem made;
  made.status = status;
  made.detail = detail;
  return document(std::move(made));
}

Response unknown_resource(unsigned status, const std::string& detail) {
  Problem made;
  made.type = kUnknownResource;
  made.status = status;
  made.detail = detail;
  return document(std::move(made));
}

}  // namespace nicsentry
