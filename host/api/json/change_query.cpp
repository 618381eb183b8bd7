// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/change_query.h"

#include "host/api/json/resources.h"
#include "host/base/error.h"
#include "host/rules/language/lifetime.h"

namespace nicsentry {
namespace {

constexpr const char* kYes = "yes";
constexpr const char* kConfirm = "confirm";
constexpr const char* kFrom = "from";

}  // namespace

std::string query_text(const ChangeQuery& query) {
  std::string text;
  const auto add = [&text](const char* name, const std::string& value) {
    text += (text.empty() ? "?" : "&") + std::string(name) + "=" + value;
  };
  if (query.yes) {
    add(kYes, "true");
  }
  if (query.confirm) {
    add(kConfirm, std::to_string(std::chrono::ceil<std::chrono::milliseconds>(*query.confirm).count()) + "ms");
  }
  if (!query.from.empty()) {
    add(kFrom, encoded_segment(query.from));
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
    } else if (name == kFrom) {
      parsed.from = value;
    } else {
      throw BadRequest("query: '" + name + "' is unknown; allowed is yes=true, confirm=TIME and from=SSH_CONNECTION");
    }
  }
  return parsed;
}

}  // namespace nicsentry
