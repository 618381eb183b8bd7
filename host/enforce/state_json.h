// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/rules/language/ruleset.h"

namespace nicsentry {

// The JSON files of a state directory (firewall_state.h). Functions throw Error that says what is wrong.

// A format of the directory's files that is newer than kStateFormat is refused.
void check_not_newer(std::int64_t format);

constexpr std::size_t kExcerpt = 64;  // characters that an error quotes

// A chain as ruleset_json() writes it. Leaves out rules that ended until now. `where` begins an error: "ingress".
ChainRules parse_chain(const nlohmann::json& saved, std::int64_t format, const std::string& where,
                       const std::vector<std::string>& set_names, TimestampNs now_ns);

// The object has exactly these fields.
void check_fields(const nlohmann::json& object, std::initializer_list<const char*> names, const std::string& where);

// False where there is no such file. What `act` throws becomes an Error that names the file.
bool load_json(const std::filesystem::path& path, const std::function<void(const nlohmann::json&)>& act);
// Writes the whole file, or leaves it as it was.
void save_json(const std::filesystem::path& path, const nlohmann::ordered_json& saved);

}  // namespace nicsentry
