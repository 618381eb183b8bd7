// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/answers.h"

#include <utility>

#include "host/base/error.h"
#include "host/polycube/change_guard.h"
#include "host/rules/language/batch.h"

namespace nicsentry::polycube {
namespace {

constexpr const char* kJson = "application/yang.data+json; charset=utf-8";
constexpr const char* kText = "text/plain; charset=utf-8";
constexpr unsigned kOk = 200;
constexpr unsigned kCreated = 201;
constexpr unsigned kNoContent = 204;
constexpr unsigned kBadRequest = 400;
constexpr unsigned kNotFound = 404;
constexpr unsigned kConflict = 409;
constexpr unsigned kFailed = 500;

Response empty(unsigned status) { return {status, kJson, "", ""}; }

}  // namespace

Response with_json(const nlohmann::ordered_json& document, unsigned status) {
  return {status, kJson, document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace), ""};
}

Response with_json_text(std::string document) { return {kOk, kJson, std::move(document), ""}; }

Response with_text(const std::string& text, unsigned status) { return {status, kText, text, ""}; }

Response created() { return empty(kCreated); }
Response done() { return empty(kOk); }
Response no_content() { return empty(kNoContent); }

Response model_error(unsigned status, const std::string& tag, const std::string& info) {
  nlohmann::ordered_json error = {{"error-type", "application"}, {"error-tag", tag}};
  if (!info.empty()) {
    error["error-info"] = info;
  }
  return with_json({{"ietf-restconf:errors", {{"error", nlohmann::ordered_json::array({error})}}}}, status);
}

Response with_error(const std::exception& error) {
  if (const auto* refused = dynamic_cast<const LockOut*>(&error)) {
    return with_text(refusal_text(*refused), kFailed);
  }
  if (dynamic_cast<const BatchError*>(&error) != nullptr) {
    return with_text(error.what(), kFailed);
  }
  if (dynamic_cast<const BadRequest*>(&error) != nullptr) {
    return model_error(kBadRequest, "invalid-value", error.what());
  }
  if (dynamic_cast<const NotFound*>(&error) != nullptr) {
    return model_error(kNotFound, "data-missing", error.what());
  }
  if (dynamic_cast<const Conflict*>(&error) != nullptr) {
    return model_error(kConflict, "data-exists", error.what());
  }
  return with_text(error.what(), kFailed);
}

}  // namespace nicsentry::polycube
