// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/rules/language/rule_text.h"

namespace nicsentry {

// A rule as the command line has it: an action and FIELD=VALUE words, in any order, with commas between several values:
// drop src=10.0.0.0/8,@bad dport=22. Returns the fields as parse_rule() takes them. Throws Error with a line for each
// word that is wrong, and for each field that parse_rule() refuses.
nlohmann::json read_rule_words(std::span<const std::string> words);

// The beginnings of words: the actions, and the fields with '='.
std::vector<std::string> rule_word_beginnings();

// The words that are values of a field: "TCP", "UDP", ... of "l4proto". Empty for a field whose values are others.
std::vector<std::string> rule_word_values(std::string_view field);

// "src=10.0.0.1 or dst=10.0.0.1", where the word is an address without its field; else empty.
std::string address_with_field(const std::string& word);

}  // namespace nicsentry
