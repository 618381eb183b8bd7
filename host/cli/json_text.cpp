// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/json_text.h"

namespace nicsentry {

std::string member_text(const nlohmann::json& object, const std::string& name) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) {
    return "-";
  }
  return member->is_string() ? member->get<std::string>() : member->dump();
}

}  // namespace nicsentry
