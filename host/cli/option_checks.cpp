// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/option_checks.h"

#include <algorithm>

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

std::string hint_of(const std::string& word, const std::vector<std::string>& words) {
  std::vector<const char*> allowed;
  allowed.reserve(words.size());
  for (const std::string& one : words) {
    allowed.push_back(one.c_str());
  }
  return value_hint(word, allowed);
}

}  // namespace

CLI::Validator one_of(const std::vector<std::string>& words) {
  const auto check = [words](const std::string& word) {
    const bool known = std::find(words.begin(), words.end(), word) != words.end();
    return known ? std::string() : "'" + word + "': allowed is " + alternatives(words) + hint_of(word, words);
  };
  return {check, listed_values(words)};
}

std::string listed_values(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : ",") + word;
  }
  return "{" + text + "}";
}

}  // namespace nicsentry
