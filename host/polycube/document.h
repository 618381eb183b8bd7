// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace nicsentry::polycube {

// Finds a part of a resource's document by a path. An element of a list is named by its keys: a rule by its id, a
// tracked connection by src, dst, l4proto, sport and dport, all others by their name. Throws NotFound.
const nlohmann::ordered_json& part_of(const nlohmann::ordered_json& document, std::span<const std::string> path);

// The document with links to what is below it, as Polycube adds them: an object gets a member "_links", a list an
// element ["_links", [...]] behind its own. A single value and an empty list get none. `self` is the resource's path,
// "//127.0.0.1:9000/polycube/v1/firewall/fw".
nlohmann::ordered_json with_links(nlohmann::ordered_json document, const std::string& self);
// One link.
nlohmann::ordered_json link(const std::string& name, const std::string& path);
nlohmann::ordered_json link_below(const std::string& self, const std::string& name);

}  // namespace nicsentry::polycube
