// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace nicsentry {

// Without blanks (space, tab, carriage return) at both ends.
std::string_view trimmed(std::string_view text);

// Equal without regard to the case of ASCII letters.
bool same_word(std::string_view left, std::string_view right);

// What was read, as an error quotes it: on one line, in ASCII, cut off where it is long.
std::string excerpt(std::string_view text);
// Likewise of a field: lists and objects are not written out, however deep they are.
std::string excerpt(const nlohmann::json& value);

}  // namespace nicsentry
