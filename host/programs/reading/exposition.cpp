// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/reading/exposition.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "host/programs/values/value_json.h"

namespace nicsentry::programs {
namespace {

const char* type_name(Exposition::Type type) {
  switch (type) {
    case Exposition::Type::counter:
      return "counter";
    case Exposition::Type::gauge:
      return "gauge";
    case Exposition::Type::histogram:
      return "histogram";
    case Exposition::Type::summary:
      return "summary";
    default:
      return "unknown";
  }
}

// The endings that a type's samples can have behind the family's name.
std::vector<std::string> suffixes_of(Exposition::Type type) {
  switch (type) {
    case Exposition::Type::counter:
      return {"_total", "_created"};
    case Exposition::Type::histogram:
      return {"_bucket", "_count", "_sum", "_created"};
    case Exposition::Type::summary:
      return {"_count", "_sum", "_created"};
    default:
      return {};
  }
}

std::string escaped(std::string_view text) {
  std::string made;
  for (const char character : as_utf8(text)) {
    if (character == '\\' || character == '"') {
      made += '\\';
    }
    if (character == '\n') {
      made += "\\n";
    } else {
      made += character;
    }
  }
  return made;
}

std::string name_of_characters(std::string_view text, bool colons) {
  std::string name;
  for (const char character : text) {
    const bool fits = std::isalnum(static_cast<unsigned char>(character)) != 0 || (colons && character == ':');
    name += fits ? character : '_';
  }
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0) {
    name.insert(name.begin(), '_');
  }
  return name;
}

}  // namespace

int Exposition::family(const std::string& name, Type type, const std::string& help) {
  if (const auto found = names_.find(name); found != names_.end()) {
    const Family& family = families_[static_cast<std::size_t>(found->second)];
    return family.name == name && family.type == type ? found->second : -1;
  }
  std::vector<std::string> names = {name};
  for (const std::string& suffix : suffixes_of(type)) {
    names.push_back(name + suffix);
  }
  if (std::any_of(names.begin(), names.end(), [this](const std::string& one) { return names_.contains(one); })) {
    return -1;
  }
  const int number = static_cast<int>(families_.size());
  families_.push_back({name, type, help, {}, {}});
  for (std::string& one : names) {
    names_.emplace(std::move(one), number);
  }
  return number;
}

bool Exposition::add(int family, std::string_view suffix, const SampleLabels& labels, const std::string& value) {
  Family& to = families_[static_cast<std::size_t>(family)];
  std::string sample = to.name + std::string(suffix);
  char before = '{';
  for (const auto& [name, text] : labels) {
    sample += before + name + "=\"" + escaped(text) + "\"";
    before = ',';
  }
  sample += before == '{' ? "" : "}";
  if (!to.known.insert(sample).second) {
    return false;
  }
  to.samples += sample + " " + value + "\n";
  return true;
}

std::string Exposition::text() const {
  std::string text;
  for (const Family& family : families_) {
    text += "# TYPE " + family.name + " " + type_name(family.type) + "\n";
    text += "# HELP " + family.name + " " + escaped(family.help) + "\n";
    text += family.samples;
  }
  return text + "# EOF\n";
}

std::string metric_name(std::string_view text) { return name_of_characters(text, true); }

std::string label_name(std::string_view text) {
  const std::string name = name_of_characters(text, false);
  return name.starts_with("__") ? "key" + name : name;
}

std::string canonical_number(double number) {
  constexpr double kFixedLimit = 1e6;
  constexpr double kFixedLeast = 1e-4;
  std::array<char, 64> digits{};
  const double size = std::abs(number);
  const bool fixed = number == 0 || (size >= kFixedLeast && size < kFixedLimit);
  const auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, format).ptr;
  std::string text(digits.data(), end);
  if (format == std::chars_format::fixed && text.find('.') == std::string::npos) {
    text += ".0";
  }
  return text;
}

}  // namespace nicsentry::programs
