// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/document.h"

#include <strings.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "host/base/error.h"

namespace nicsentry::polycube {
namespace {

using Json = nlohmann::ordered_json;

bool has_keys(const Json& element, const std::vector<const char*>& keys) {
  return element.is_object() &&
         std::all_of(keys.begin(), keys.end(), [&element](const char* key) { return element.contains(key); });
}

// Those of the elements of a list; empty where they have none.
std::vector<const char*> keys_of(const Json& list) {
  static const std::vector<std::vector<const char*>> kKeys = {
      {"src", "dst", "l4proto", "sport", "dport", "state"}, {"id"}, {"name"}};
  for (const auto& keys : kKeys) {
    if (!list.empty() && has_keys(list.front(), keys)) {
      std::vector<const char*> named = keys;
      if (named.size() > 1) {
        named.pop_back();  // the state tells a connection from a rule
      }
      return named;
    }
  }
  return {};
}

std::string as_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

bool has_values(const Json& element, const std::vector<const char*>& keys, std::span<const std::string> values) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (strcasecmp(as_text(element.at(keys[i])).c_str(), values[i].c_str()) != 0) {
      return false;
    }
  }
  return true;
}

const Json& element_of(const Json& list, std::span<const std::string>& path) {
  const std::vector<const char*> keys = keys_of(list);
  if (!keys.empty() && path.size() >= keys.size()) {
    for (const Json& element : list) {
      if (has_values(element, keys, path)) {
        path = path.subspan(keys.size());
        return element;
      }
    }
  }
  throw NotFound("there is no " + path.front());
}

std::string element_path(const Json& element, const std::vector<const char*>& keys) {
  std::string path;
  for (const char* key : keys) {
    path += (path.empty() ? "" : "/") + as_text(element.at(key));
  }
  return path;
}

}  // namespace

const Json& part_of(const Json& document, std::span<const std::string> path) {
  const Json* part = &document;
  while (!path.empty()) {
    if (part->is_object() && part->contains(path.front())) {
      part = &part->at(path.front());
      path = path.subspan(1);
    } else if (part->is_array()) {
      part = &element_of(*part, path);
    } else {
      throw NotFound("there is no " + path.front());
    }
  }
  return *part;
}

Json link(const std::string& name, const std::string& path) { return {{"rel", name}, {"href", path + "/"}}; }

Json link_below(const std::string& self, const std::string& name) { return link(name, self + "/" + name); }

Json with_links(Json document, const std::string& self) {
  Json links = Json::array({link("self", self)});
  if (document.is_object()) {
    for (const auto& [name, value] : document.items()) {
      links.push_back(link_below(self, name));
    }
    document["_links"] = links;
  } else if (document.is_array()) {
    const std::vector<const char*> keys = keys_of(document);
    if (keys.empty()) {
      return document;
    }
    for (const Json& element : document) {
      Json one = link("", self + "/" + element_path(element, keys));
      one["rel"] = element.at(keys.front());
      links.push_back(std::move(one));
    }
    document.push_back(Json::array({"_links", links}));
  }
  return document;
}

}  // namespace nicsentry::polycube
