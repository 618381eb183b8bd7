// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/metrics/exposition.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "host/base/utf8.h"

namespace nicsentry {
namespace {

const char* metric_type_name(Exposition::Type type, TextFormat format) {
  const bool open_metrics = format == TextFormat::open_metrics;
  switch (type) {
    case Exposition::Type::counter:
      return "counter";
    case Exposition::Type::gauge:
      return "gauge";
    case Exposition::Type::histogram:
      return "histogram";
    case Exposition::Type::summary:
      return "summary";
    case Exposition::Type::info:
      return open_metrics ? "info" : "gauge";
    default:
      return open_metrics ? "unknown" : "untyped";
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
    case Exposition::Type::info:
      return {"_info"};
    default:
      return {};
  }
}

std::string escaped_for_metrics(std::string_view text, bool quotes = true) {
  std::string made;
  for (const char character : as_utf8(text)) {
    if (character == '\\' || (quotes && character == '"')) {
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

// By the end of a family's name; null: it has none.
const char* unit_of(std::string_view name) {
  for (const char* unit : {"seconds", "bytes"}) {
    if (name.ends_with(std::string("_") + unit)) {
      return unit;
    }
  }
  return nullptr;
}

std::string_view trimmed_of_blanks(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  const std::size_t end = text.find_last_not_of(" \t");
  return end == std::string_view::npos ? std::string_view() : text.substr(begin, end - begin + 1);
}

std::string_view take_part(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = trimmed_of_blanks(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// 0 to 1; what is no weight counts as 0, so that the form is not chosen by a mistake.
double weight_in(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view one = take_part(parameters, ';');
    if (one.starts_with("q=") || one.starts_with("Q=")) {
      double weight = 0;
      const char* end = one.data() + one.size();
      const auto read = std::from_chars(one.data() + 2, end, weight);
      return read.ec == std::errc() && read.ptr == end && weight >= 0 && weight <= 1 ? weight : 0;
    }
  }
  return 1;
}

// Whether OpenMetrics is asked for in a version that we do not write.
bool is_other_version(std::string_view type, std::string_view parameters) {
  while (type == "application/openmetrics-text" && !parameters.empty()) {
    const std::string_view one = take_part(parameters, ';');
    if (one.starts_with("version=") && one != "version=1.0.0") {
      return true;
    }
  }
  return false;
}

// The weight that a header Accept gives to a media type (RFC 9110, 12.5.1). Only names in full count: OpenMetrics is
// for those who ask for it.
double weight_of(std::string_view accept, std::string_view type) {
  double weight = 0;
  while (!accept.empty()) {
    std::string_view parameters = take_part(accept, ',');
    const std::string_view named = take_part(parameters, ';');
    if (named == type && !is_other_version(named, parameters)) {
      weight = std::max(weight, weight_in(parameters));
    }
  }
  return weight;
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
    sample += before + name + "=\"" + escaped_for_metrics(text) + "\"";
    before = ',';
  }
  sample += before == '{' ? "" : "}";
  if (!to.known.insert(sample).second) {
    return false;
  }
  to.samples += sample + " " + value + "\n";
  return true;
}

// Prometheus 0.0.4 calls a family as its samples are called, and knows no units.
std::string Exposition::text(TextFormat format) const {
  const bool open_metrics = format == TextFormat::open_metrics;
  std::string text;
  for (const Family& family : families_) {
    std::string name = family.name;
    if (!open_metrics && (family.type == Type::counter || family.type == Type::info)) {
      name += suffixes_of(family.type).front();
    }
    text += "# TYPE " + name + " " + metric_type_name(family.type, format) + "\n";
    if (const char* unit = unit_of(family.name); open_metrics && unit != nullptr && family.type != Type::info) {
      text += "# UNIT " + name + " " + unit + "\n";
    }
    text += "# HELP " + name + " " + escaped_for_metrics(family.help, open_metrics) + "\n";
    text += family.samples;
  }
  return text + (open_metrics ? "# EOF\n" : "");
}

TextFormat choose_text_format(std::string_view accept) {
  const double open_metrics = weight_of(accept, "application/openmetrics-text");
  return open_metrics > 0 && open_metrics >= weight_of(accept, "text/plain") ? TextFormat::open_metrics
                                                                             : TextFormat::prometheus;
}

const char* media_type(TextFormat format) {
  return format == TextFormat::open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                            : "text/plain; version=0.0.4; charset=utf-8";
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

}  // namespace nicsentry
