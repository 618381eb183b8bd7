// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/words.h"

#include <algorithm>

namespace nicsentry {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::size_t kExcerptBytes = 80;

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

std::string ascii_dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool same_word(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

std::string excerpt(std::string_view text) {
  const std::string quoted = ascii_dump(std::string(text.substr(0, kExcerptBytes)));
  return text.size() > kExcerptBytes ? quoted + "..." : quoted;
}

std::string excerpt(const nlohmann::json& value) {
  if (value.is_array()) return value.empty() ? "an empty list" : "a list";
  if (value.is_object()) return "an object";
  if (value.is_string()) return excerpt(std::string_view(value.get_ref<const std::string&>()));
  if (value.is_binary() || value.is_discarded()) return "an invalid JSON value";
  return ascii_dump(value);
}

}  // namespace nicsentry
