// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

#include "host/api/server/request.h"
#include "host/polycube/call.h"

namespace nicsentry::polycube {

// A setting of a new cube, or `otherwise`. Throws BadRequest where it is no text.
std::string text_setting(const nlohmann::json& settings, const char* name, const std::string& otherwise);

// Throws BadRequest where the settings are no object, or have another name than these.
void allow_settings(const nlohmann::json& settings, std::initializer_list<const char*> names);

// "on" of ON, TRUE and the like, in either case. Throws BadRequest.
bool parse_switch(const std::string& name, const std::string& text);

// Answers a GET: the part of a cube's document that the path names, with links.
Response show(const Call& call, const nlohmann::ordered_json& document);

// The links of a resource with these parts below it.
nlohmann::ordered_json links_of(const Call& call, std::initializer_list<const char*> parts);

// 405: the resource has no such method.
Response not_supported(const Call& call);

}  // namespace nicsentry::polycube
