// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

namespace nicsentry {

// The setting `unjudged` of a chain: "drop" or "pass". Throws BadRequest for anything else.
const char* unjudged_name(bool drop);
bool parse_unjudged(const nlohmann::json& value);

// The setting `non_ip` of a chain: "all", or a list of EtherTypes. Sorted and unique; nullopt: all. Throws BadRequest.
std::optional<std::vector<std::uint16_t>> parse_non_ip(const nlohmann::json& value);
nlohmann::ordered_json non_ip_json(const std::optional<std::vector<std::uint16_t>>& types);

}  // namespace nicsentry
