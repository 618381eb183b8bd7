// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/call.h"

#include <algorithm>

#include "host/base/error.h"
#include "host/base/json_reading.h"

namespace nicsentry::polycube {

nlohmann::json Call::body() const {
  if (text.empty()) {
    return nlohmann::json::object();
  }
  try {
    return parse_json(text);
  } catch (const Error& error) {
    throw BadRequest(std::string("the body: ") + error.what());
  }
}

std::string Call::word() const {
  if (!text.empty() && nlohmann::json::accept(text)) {
    const nlohmann::json value = parse_json(text);
    if (value.is_string()) {
      return value.get<std::string>();
    }
    if (!value.is_structured() && !value.is_null()) {
      return value.dump();
    }
    throw BadRequest("the body: allowed is one value, read " + text.substr(0, 64));
  }
  return text;
}

std::span<const std::string> Call::from(std::size_t part) const {
  return std::span(path).subspan(std::min(part, path.size()));
}

}  // namespace nicsentry::polycube
