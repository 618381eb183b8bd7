// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/window_json.h"

namespace nicsentry {

nlohmann::ordered_json encode(const EndedWindow& ended) { return {{"window", ended.window}, {"files", ended.files}}; }

template <>
EndedWindow decode(const nlohmann::json& answer) {
  Fields fields(answer, Origin::answer);
  EndedWindow ended;
  ended.window = fields.get<std::uint64_t>("window", json_fields::kNumber);
  ended.files = fields.get<std::vector<std::string>>("files", "a list of paths");
  return ended;
}

}  // namespace nicsentry
