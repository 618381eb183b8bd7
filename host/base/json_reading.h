// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace nicsentry {

// Nothing of ours comes near; and what is much deeper cannot be copied or printed, as both recurse.
constexpr std::size_t kJsonLevelsMax = 64;

// JSON from outside. Throws Error where it is none: with line, column, what was read and what is allowed. Also where it
// is nested deeper than kJsonLevelsMax, or where an object has a key twice: whoever wrote that means both, and only the
// last one would be left. Each such key is named, a line each.
nlohmann::json parse_json(std::string_view text);

// The reason of a failed conversion of a value, in words that continue a sentence.
std::string json_reason(const nlohmann::json::exception& error);

// The same of a file; "-" is standard input. Throws Error naming it.
nlohmann::json read_json_file(const std::string& path);

}  // namespace nicsentry
