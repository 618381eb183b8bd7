// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/change_query.h"

#include "host/base/error.h"
#include "host/rules/language/lifetime.h"

namespace nicsentry {
namespace {

constexpr const char* kYes = "yes";
constexpr const char* kConfirm = "confirm";

}  // namespace

std::string query_text(const ChangeQuery& query) {
  std::string text;
  if (query.yes) {
    text += std::string("?") + kYes + "=true";
  }
  if (query.confirm) {
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(*query.confirm).count();
    text += (text.empty() ? "?" : "&") + std::string(kConfirm) + "=" + std::to_string(milliseconds) + "ms";
  }
  return text;
}

ChangeQuery parse_change_query(const std::map<std::string, std::string>& query) {
  ChangeQuery parsed;
  for (const auto& [name, value] : query) {
    if (name == kYes) {
      if (value != "true" && value != "false") {
        throw BadRequest("yes: read \"" + value + "\", allowed is true or false");
      }
      parsed.yes = value == "true";
    } else if (name == kConfirm) {
      parsed.confirm = parse_lifetime(value);
      if (!parsed.confirm) {
        throw BadRequest("confirm: read \"" + value + "\", allowed is " + kLifetimeAllowed);
      }
    } else {
      throw BadRequest("query: '" + name + "' is unknown; allowed is yes=true and confirm=TIME");
    }
  }
  return parsed;
}

}  // namespace nicsentry
