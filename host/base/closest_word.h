// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nicsentry {

// The candidate that somebody meant who wrote `word`: the first of those with the fewest characters inserted, left out,
// replaced or swapped with the next one. Nothing where even that is more than a third of the word, or all of it.
std::optional<std::string> closest_word(std::string_view word, std::span<const std::string> candidates);

// "; did you mean 'dport'?", behind an error about a word; empty where no candidate was meant.
std::string did_you_mean(std::string_view word, std::span<const char* const> candidates);

}  // namespace nicsentry
