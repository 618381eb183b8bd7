// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/fields.h"

#include <algorithm>
#include <utility>

#include "host/base/error.h"
#include "host/rules/language/words.h"

namespace nicsentry {

using nlohmann::json;

Fields::Fields(const json& object, Origin origin, std::string what)
    : json_(object), origin_(origin), what_(std::move(what)) {
  if (!json_.is_object()) {
    refuse("read " + excerpt(json_) + ", allowed is an object");
  }
}

bool Fields::has(const char* name) {
  note(name);
  return json_.contains(name);
}

const json& Fields::at(const char* name, const std::string& allowed) {
  note(name);
  const auto found = json_.find(name);
  if (found == json_.end()) {
    fail(name, allowed);
  }
  return *found;
}

const json& Fields::list(const char* name, const std::string& allowed) {
  const json& found = at(name, allowed);
  if (!found.is_array()) {
    fail(name, allowed);
  }
  return found;
}

Fields Fields::object(const char* name) {
  const json& found = at(name, "an object");
  return {found, origin_, what_.empty() ? name : what_ + ", " + name};
}

Fields Fields::element(const char* name, const json& list, std::size_t index) const {
  std::string what = std::string(name) + ", number " + std::to_string(index + 1);
  return {list.at(index), origin_, what_.empty() ? what : what_ + ", " + what};
}

void Fields::finish() const {
  if (origin_ == Origin::answer) {
    return;
  }
  for (const auto& field : json_.items()) {
    if (std::find(known_.begin(), known_.end(), field.key()) == known_.end()) {
      std::string allowed;
      for (const std::string& name : known_) {
        allowed += (allowed.empty() ? "" : ", ") + name;
      }
      refuse("unknown field " + excerpt(std::string_view(field.key())) + ", allowed is " +
             (allowed.empty() ? "none" : allowed));
    }
  }
}

void Fields::fail(const char* name, const std::string& allowed) const {
  const auto found = json_.find(name);
  refuse(std::string(name) + ": read " + (found == json_.end() ? "nothing" : excerpt(*found)) + ", allowed is " +
         allowed);
}

void Fields::note(const char* name) {
  if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
    known_.emplace_back(name);
  }
}

void Fields::refuse(const std::string& text) const {
  const std::string whole = what_.empty() ? text : what_ + ": " + text;
  if (origin_ == Origin::request) {
    throw BadRequest(whole);
  }
  throw Error(whole);
}

void refuse_fields(const json& request) { Fields(request, Origin::request).finish(); }

template <>
Nothing decode(const json& answer) {
  Fields(answer, Origin::answer).finish();
  return {};
}

std::string printed_json(const nlohmann::ordered_json& document, int indent) {
  return json(document).dump(indent, ' ', false, json::error_handler_t::replace);
}

}  // namespace nicsentry
