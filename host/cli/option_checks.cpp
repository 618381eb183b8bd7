// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/option_checks.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "host/rules/language/other_tools.h"

namespace nicsentry {
namespace {

// "drop or accept"
std::string alternatives(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += text.empty() ? "" : &word == &words.back() ? " or " : ", ";
    text += word;
  }
  return text;
}

}  // namespace

std::string hint_of_word(const std::string& word, const std::vector<std::string>& words) {
  std::vector<const char*> allowed;
  allowed.reserve(words.size());
  for (const std::string& one : words) {
    allowed.push_back(one.c_str());
  }
  return value_hint(word, allowed);
}

CLI::Validator one_of(const std::vector<std::string>& words) {
  const auto check = [words](const std::string& word) {
    const bool known = std::find(words.begin(), words.end(), word) != words.end();
    return known ? std::string() : "'" + word + "': allowed is " + alternatives(words) + hint_of_word(word, words);
  };
  return {check, listed_values(words)};
}

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
  std::string allowed = "a whole number from " + std::to_string(least);
  if (most != std::numeric_limits<std::uint64_t>::max()) {
    allowed += " to " + std::to_string(most);
  }
  const auto check = [least, most, allowed](const std::string& text) {
    std::uint64_t number = 0;
    const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = failure == std::errc() && rest == text.data() + text.size();
    return whole && number >= least && number <= most ? std::string() : "'" + text + "': allowed is " + allowed;
  };
  return {check, ""};
}

std::string listed_values(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : ",") + word;
  }
  return "{" + text + "}";
}

}  // namespace nicsentry
