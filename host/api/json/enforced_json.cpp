// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/enforced_json.h"

namespace nicsentry {
namespace {

using json_fields::kText;
using nlohmann::json;
using nlohmann::ordered_json;

ordered_json encode_places(const std::vector<EnforcedPlace>& places) {
  ordered_json list = ordered_json::array();
  for (const EnforcedPlace& place : places) {
    ordered_json object = {{"plane", place.attachment}};
    if (place.failing) {
      object["failing"] = *place.failing;
    }
    list.push_back(std::move(object));
  }
  return list;
}

std::vector<EnforcedPlace> get_places(Fields& fields, const char* name) {
  std::vector<EnforcedPlace> places;
  const json& list = fields.list(name);
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields place = fields.element(name, list, i);
    places.push_back({place.get<std::string>("plane", kText), place.find<std::string>("failing", kText)});
  }
  return places;
}

Enforced get_chains(Fields& fields) {
  return {get_places(fields, "ingress"), get_places(fields, "egress"), fields.find<std::string>("unsaved", kText)};
}

}  // namespace

ordered_json encode(const Enforced& enforced) {
  ordered_json object{{"ingress", encode_places(enforced.ingress)}, {"egress", encode_places(enforced.egress)}};
  if (enforced.unsaved) {
    object["unsaved"] = *enforced.unsaved;
  }
  return object;
}

template <>
Enforced decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  return get_chains(fields);
}

Enforced get_enforced(Fields& fields) {
  Fields enforced = fields.object("enforced");
  return get_chains(enforced);
}

ordered_json encode(const EnforcedAnswer& answer) { return {{"enforced", encode(answer.enforced)}}; }

template <>
EnforcedAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  return {get_enforced(fields)};
}

}  // namespace nicsentry
