// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace nicsentry {

// Returns the text without blanks (space, tab, carriage return) at both ends.
std::string_view trimmed(std::string_view text);

// Compares without regard to the case of ASCII letters.
bool same_word(std::string_view left, std::string_view right);

// Quotes a text for an error message: on one line, in ASCII, cut off if it is long.
std::string excerpt(std::string_view text);
// Quotes a JSON value. Lists and objects are not written out.
std::string excerpt(const nlohmann::json& value);

}  // namespace nicsentry
