// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/row_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "host/base/rfc3339.h"

namespace nicsentry {
namespace {

// Replaces invalid UTF-8 by U+FFFD, because JSON cannot hold it. An interface or file may have such a name.
std::string json_string(const std::string& text) {
  const auto stands_for_itself = [](char character) {
    return character >= ' ' && character <= '~' && character != '"' && character != '\\';
  };
  if (std::all_of(text.begin(), text.end(), stands_for_itself)) return fmt::format("\"{}\"", text);
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void RowText::add(const std::string& name, const Value& value) {
  const bool json = form_ == Form::json;
  if (!std::exchange(first_, false)) {
    line_ += ',';
  } else if (json) {
    line_ += '{';
  }
  const auto out = std::back_inserter(line_);
  if (json) fmt::format_to(out, "\"{}\":", name);
  if (const auto* text = std::get_if<std::string>(&value)) {
    line_ += json ? json_string(*text) : csv_field(*text);
  } else if (const auto* number = std::get_if<std::uint64_t>(&value)) {
    fmt::format_to(out, "{}", *number);
  } else if (const auto* time = std::get_if<PointInTime>(&value)) {
    fmt::format_to(out, "{}", time->ns);
    if (json) fmt::format_to(out, ",\"{}\":\"{}\"", time_name(name), rfc3339(time->ns));
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    fmt::format_to(out, "{}", *flag);
  } else {
    fmt::format_to(out, "{}", std::get<std::int64_t>(value));
  }
}

std::string RowText::finish() {
  first_ = true;
  return std::exchange(line_, {}) + (form_ == Form::json ? "}\n" : "\n");
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"') quoted += '"';
    quoted += character;
  }
  return quoted + '"';
}

std::vector<std::string> field_names(std::string_view json) {
  const auto object = nlohmann::ordered_json::parse(json, nullptr, false);
  std::vector<std::string> names;
  if (object.is_object()) {
    for (const auto& field : object.items()) names.push_back(field.key());
  }
  return names;
}

}  // namespace nicsentry
