// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/settings.h"

#include <strings.h>

#include <algorithm>

#include "host/base/error.h"
#include "host/polycube/answers.h"
#include "host/polycube/document.h"

namespace nicsentry::polycube {
namespace {

constexpr unsigned kMethodNotAllowed = 405;
constexpr std::size_t kBehindName = 2;

std::string joined(std::span<const std::string> path) {
  std::string text;
  for (const std::string& part : path) {
    text += "/" + part;
  }
  return text;
}

BadRequest unknown_key(const std::string& name, const std::string& allowed) {
  return BadRequest("unknown key '" + name + "'; allowed are " + allowed);
}

}  // namespace

std::string text_setting(const nlohmann::json& settings, const char* name, const std::string& otherwise) {
  if (!settings.is_object() || !settings.contains(name)) {
    return otherwise;
  }
  const nlohmann::json& value = settings.at(name);
  if (value.is_boolean()) {
    return value.dump();
  }
  if (!value.is_string()) {
    throw BadRequest(std::string(name) + ": allowed is a text, read " + value.dump().substr(0, 64));
  }
  return value.get<std::string>();
}

void allow_settings(const nlohmann::json& settings, std::initializer_list<const char*> names) {
  if (!settings.is_object()) {
    throw BadRequest("the body: allowed is an object");
  }
  for (const auto& [name, value] : settings.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      std::string allowed;
      for (const char* one : names) {
        allowed += (allowed.empty() ? "" : ", ") + std::string(one);
      }
      throw unknown_key(name, allowed);
    }
  }
}

bool parse_switch(const std::string& name, const std::string& text) {
  for (const char* on : {"on", "true"}) {
    if (strcasecmp(on, text.c_str()) == 0) {
      return true;
    }
  }
  for (const char* off : {"off", "false"}) {
    if (strcasecmp(off, text.c_str()) == 0) {
      return false;
    }
  }
  throw BadRequest(name + ": read '" + text + "', allowed are ON and OFF");
}

Response show(const Call& call, const nlohmann::ordered_json& document) {
  const nlohmann::ordered_json& part = part_of(document, call.from(kBehindName));
  return with_json(with_links(part, call.base + "/polycube/v1" + joined(call.path)));
}

nlohmann::ordered_json links_of(const Call& call, std::initializer_list<const char*> parts) {
  const std::string self = call.base + "/polycube/v1" + joined(call.path);
  nlohmann::ordered_json links = nlohmann::ordered_json::array({link("self", self)});
  for (const char* part : parts) {
    links.push_back(link_below(self, part));
  }
  return links;
}

Response not_supported(const Call& call) {
  return model_error(kMethodNotAllowed, "operation-not-supported", call.method + " " + joined(call.path));
}

}  // namespace nicsentry::polycube
