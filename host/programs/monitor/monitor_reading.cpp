// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/monitor/monitor_reading.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/base/json_reading.h"

namespace nicsentry::programs {
namespace {

using nlohmann::json;
using Type = OpenMetricsMetadata::Type;

constexpr std::array kTypes = {"Counter", "Gauge", "Histogram", "Summary", "Untyped"};
constexpr std::size_t kFaultsTold = 20;
constexpr std::size_t kValueTold = 60;  // bytes

// Collects what is wrong, so that one reading names all of it.
class Faults {
 public:
  void add(const std::string& path, const std::string& read, const std::string& allowed) {
    if (count_++ < kFaultsTold) {
      text_ += (text_.empty() ? "" : "\n") + path + ": read " + read + ", allowed is " + allowed;
    }
  }

  void check() const {
    if (count_ > kFaultsTold) {
      throw BadRequest(text_ + "\nand " + std::to_string(count_ - kFaultsTold) + " more");
    }
    if (count_ != 0) {
      throw BadRequest(text_);
    }
  }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

std::string shown(const json& value) {
  const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);  // ASCII: it may be cut
  return text.size() <= kValueTold ? text : text.substr(0, kValueTold) + "...";
}

std::string join(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    text += (text.empty() ? "" : ", ") + std::string(word);
  }
  return text;
}

// One object of the description, with the path that leads to it.
class ObjectReading {
 public:
  ObjectReading(const json& object, std::string path, Faults& faults)
      : object_(object), path_(std::move(path)), faults_(faults) {}

  bool is_object(const std::string& allowed) const {
    if (!object_.is_object()) {
      faults_.add(path_.empty() ? "the description" : path_, shown(object_), allowed);
    }
    return object_.is_object();
  }

  void allow_keys(const std::vector<std::string_view>& keys) const {
    for (const auto& [key, value] : object_.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
        faults_.add(path_of(key), "an unknown key", join(keys));
      }
    }
  }

  const json* find(const char* key) const {
    const auto found = object_.find(key);
    return found != object_.end() ? &*found : nullptr;
  }

  // Text that must not be empty; nothing, and a fault, where it is missing or something else.
  std::string text(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) {
      faults_.add(path_of(key), "nothing", "a text");
      return {};
    }
    if (!value->is_string() || value->get_ref<const std::string&>().empty()) {
      faults_.add(path_of(key), shown(*value), "a text that is not empty");
      return {};
    }
    return value->get<std::string>();
  }

  std::string optional_text(const char* key) const {
    const json* value = find(key);
    if (value != nullptr && !value->is_string()) {
      faults_.add(path_of(key), shown(*value), "a text");
    }
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
  }

  bool flag(const char* key) const {
    const json* value = find(key);
    if (value != nullptr && !value->is_boolean()) {
      faults_.add(path_of(key), shown(*value), "true or false");
    }
    return value != nullptr && value->is_boolean() && value->get<bool>();
  }

  // Calls act(element, its path) for each element of a list that may be missing.
  template <typename Act>
  void each(const char* key, const char* allowed, Act act) const {
    const json* list = find(key);
    if (list == nullptr) {
      return;
    }
    if (!list->is_array()) {
      faults_.add(path_of(key), shown(*list), allowed);
      return;
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      act((*list)[i], path_of(key) + "[" + std::to_string(i) + "]");
    }
  }

  std::string path_of(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }
  void fault(const char* key, const std::string& read, const std::string& allowed) const {
    faults_.add(path_of(key), read, allowed);
  }
  Faults& faults() const { return faults_; }

 private:
  const json& object_;
  std::string path_;
  Faults& faults_;
};

// The names that OpenMetrics allows; a metric's may have colons.
bool is_name(std::string_view text, bool colons) {
  const auto fits = [colons](unsigned char character) {
    return std::isalnum(character) != 0 || character == '_' || (colons && character == ':');
  };
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) == 0 &&
         std::all_of(text.begin(), text.end(), fits);
}

Label parse_label(const ObjectReading& reading) {
  reading.allow_keys({"name", "value"});
  Label label{reading.text("name"), reading.optional_text("value")};
  if (reading.find("value") == nullptr) {
    reading.fault("value", "nothing", "a text");
  }
  if (!label.name.empty() && (!is_name(label.name, false) || label.name.starts_with("__"))) {
    reading.fault("name", shown(label.name),
                  "a letter or _, then letters, digits and _, not beginning with two of the latter");
  }
  return label;
}

Type parse_type(const ObjectReading& reading) {
  const json* value = reading.find("type");
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    std::string lower = kTypes.at(i);
    lower.front() = static_cast<char>(std::tolower(lower.front()));
    if (value != nullptr && (*value == kTypes.at(i) || *value == lower)) {
      return static_cast<Type>(i);
    }
  }
  reading.fault("type", value != nullptr ? shown(*value) : "nothing", "Counter, Gauge, Histogram, Summary or Untyped");
  return Type::untyped;
}

// Numbers of a list, each larger than the one before.
std::vector<double> parse_bounds(const ObjectReading& reading) {
  std::vector<double> bounds;
  reading.each("bounds", "a list of numbers", [&](const json& element, const std::string& path) {
    if (!element.is_number() || (!bounds.empty() && element.get<double>() <= bounds.back())) {
      reading.faults().add(path, shown(element), "a number above the one before it");
    } else {
      bounds.push_back(element.get<double>());
    }
  });
  return bounds;
}

double parse_number(const ObjectReading& reading, const char* key, double otherwise) {
  const json* value = reading.find(key);
  if (value != nullptr && !value->is_number()) {
    reading.fault(key, shown(*value), "a number");
  }
  return value != nullptr && value->is_number() ? value->get<double>() : otherwise;
}

Buckets parse_buckets(const ObjectReading& reading) {
  Buckets buckets;
  if (!reading.is_object("an object with scale")) {
    return buckets;
  }
  const json* scale = reading.find("scale");
  if (scale != nullptr && *scale == "exp2") {
    reading.allow_keys({"scale"});
  } else if (scale != nullptr && *scale == "linear") {
    reading.allow_keys({"scale", "start", "width"});
    buckets.scale = Buckets::Scale::linear;
    buckets.start = parse_number(reading, "start", 0);
    buckets.width = parse_number(reading, "width", 1);
    if (buckets.width <= 0) {
      reading.fault("width", shown(buckets.width), "a number above 0");
    }
  } else if (scale != nullptr && *scale == "fixed") {
    reading.allow_keys({"scale", "bounds"});
    buckets.scale = Buckets::Scale::fixed;
    buckets.bounds = parse_bounds(reading);
    if (reading.find("bounds") == nullptr) {
      reading.fault("bounds", "nothing", "a list of numbers");
    }
  } else {
    reading.fault("scale", scale != nullptr ? shown(*scale) : "nothing", "exp2, linear or fixed");
  }
  return buckets;
}

OpenMetricsMetadata parse_open_metrics(const ObjectReading& reading) {
  OpenMetricsMetadata metadata;
  if (!reading.is_object("an object with help, type, labels and buckets")) {
    return metadata;
  }
  reading.allow_keys({"help", "type", "labels", "buckets"});
  metadata.help = reading.text("help");
  metadata.type = parse_type(reading);
  if (const json* buckets = reading.find("buckets")) {
    metadata.buckets = parse_buckets(ObjectReading(*buckets, reading.path_of("buckets"), reading.faults()));
    if (metadata.type != Type::histogram) {
      reading.fault("buckets", "those of a histogram", "nothing for this type");
    }
  }
  std::set<std::string> names;
  reading.each("labels", "a list of objects with name and value", [&](const json& element, const std::string& path) {
    const ObjectReading label(element, path, reading.faults());
    if (label.is_object("an object with name and value")) {
      metadata.labels.push_back(parse_label(label));
      const std::string& name = metadata.labels.back().name;
      if (!name.empty() && !names.insert(name).second) {
        label.fault("name", shown(name) + " again", "a name that no other label has");
      }
    }
  });
  return metadata;
}

MetricConfig parse_metric(const ObjectReading& reading) {
  MetricConfig metric;
  if (!reading.is_object("an object with name, map-name, extraction-options and open-metrics-metadata")) {
    return metric;
  }
  reading.allow_keys({"name", "map-name", "extraction-options", "open-metrics-metadata"});
  metric.name = reading.text("name");
  metric.map = reading.text("map-name");
  if (const json* options = reading.find("extraction-options")) {
    const ObjectReading extraction(*options, reading.path_of("extraction-options"), reading.faults());
    if (extraction.is_object("an object with swap-on-read and empty-on-read")) {
      extraction.allow_keys({"swap-on-read", "empty-on-read"});
      metric.swap_on_read = extraction.flag("swap-on-read");
      metric.empty_on_read = extraction.flag("empty-on-read");
    }
  }
  if (const json* metadata = reading.find("open-metrics-metadata")) {
    metric.open_metrics =
        parse_open_metrics(ObjectReading(*metadata, reading.path_of("open-metrics-metadata"), reading.faults()));
    if (!metric.name.empty() && !is_name(metric.name, true)) {
      reading.fault("name", shown(metric.name), "a letter, _ or :, then letters, digits, _ and :, for OpenMetrics");
    }
  }
  return metric;
}

// C text, or a list of its lines.
std::string parse_code(const json& value, const ObjectReading& reading) {
  constexpr const char* kAllowed = "C text, or a list of its lines";
  if (value.is_string()) {
    if (value.get_ref<const std::string&>().empty()) {
      reading.fault("code", shown(value), kAllowed);
    }
    return value.get<std::string>();
  }
  if (!value.is_array() || value.empty()) {
    reading.fault("code", shown(value), kAllowed);
    return {};
  }
  std::string text;
  reading.each("code", kAllowed, [&](const json& line, const std::string& path) {
    if (line.is_string()) {
      text += line.get<std::string>() + "\n";
    } else {
      reading.faults().add(path, shown(line), "a line of text");
    }
  });
  return text;
}

void parse_program(PathConfig& config, const ObjectReading& reading, const std::filesystem::path& directory) {
  constexpr std::array kForms = {"code", "source", "object"};
  std::vector<const char*> given;
  for (const char* form : kForms) {
    if (reading.find(form) != nullptr) {
      given.push_back(form);
    }
  }
  if (given.empty()) {
    reading.fault("code", "nothing", "one of code, source and object");
    return;
  }
  if (given.size() > 1) {
    reading.fault(given[1], "a program beside " + std::string(given[0]), "one of code, source and object");
    return;
  }
  if (const json* code = reading.find("code")) {
    config.form = PathConfig::Form::code;
    config.code = parse_code(*code, reading);
    return;
  }
  config.form = reading.find("source") != nullptr ? PathConfig::Form::source : PathConfig::Form::object;
  config.file = directory / reading.text(given[0]);
}

// The metrics of a path, each with a name of its own.
std::vector<MetricConfig> parse_metrics(const ObjectReading& reading) {
  std::vector<MetricConfig> metrics;
  std::set<std::string> names;
  reading.each("metric-configs", "a list of objects", [&](const json& element, const std::string& path) {
    const ObjectReading metric(element, path, reading.faults());
    metrics.push_back(parse_metric(metric));
    const std::string& name = metrics.back().name;
    if (!name.empty() && !names.insert(name).second) {
      metric.fault("name", shown(name) + " again", "a name that no other metric of the path has");
    }
  });
  return metrics;
}

std::optional<PathConfig> parse_path(const ObjectReading& whole, const char* key,
                                     const std::filesystem::path& directory) {
  const json* value = whole.find(key);
  if (value == nullptr || (value->is_object() && value->empty())) {
    return std::nullopt;
  }
  const ObjectReading reading(*value, key, whole.faults());
  PathConfig config;
  if (!reading.is_object("an object with name, code (or source, or object) and metric-configs; {} for no program")) {
    return config;
  }
  reading.allow_keys({"name", "code", "source", "object", "metric-configs"});
  config.name = reading.optional_text("name");
  parse_program(config, reading, directory);
  config.metrics = parse_metrics(reading);
  return config;
}

nlohmann::ordered_json monitor_json(const Buckets& buckets) {
  switch (buckets.scale) {
    case Buckets::Scale::linear:
      return {{"scale", "linear"}, {"start", buckets.start}, {"width", buckets.width}};
    case Buckets::Scale::fixed:
      return {{"scale", "fixed"}, {"bounds", buckets.bounds}};
    default:
      return {{"scale", "exp2"}};
  }
}

nlohmann::ordered_json monitor_json(const OpenMetricsMetadata& metadata) {
  nlohmann::ordered_json labels = nlohmann::ordered_json::array();
  for (const Label& label : metadata.labels) {
    labels.push_back({{"name", label.name}, {"value", label.value}});
  }
  nlohmann::ordered_json object = {{"help", metadata.help},
                                   {"type", kTypes.at(static_cast<std::size_t>(metadata.type))},
                                   {"labels", std::move(labels)}};
  if (metadata.type == Type::histogram) {
    object["buckets"] = monitor_json(metadata.buckets);
  }
  return object;
}

}  // namespace

std::vector<MetricConfig> parse_metric_configs(const json& list, const std::string& where) {
  Faults faults;
  const json holder = {{"metric-configs", list}};
  const ObjectReading reading(holder, where, faults);
  std::vector<MetricConfig> metrics = parse_metrics(reading);
  faults.check();
  return metrics;
}

nlohmann::ordered_json metric_configs_json(const std::vector<MetricConfig>& metrics) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const MetricConfig& metric : metrics) {
    nlohmann::ordered_json object = {
        {"name", metric.name},
        {"map-name", metric.map},
        {"extraction-options", {{"swap-on-read", metric.swap_on_read}, {"empty-on-read", metric.empty_on_read}}}};
    if (metric.open_metrics) {
      object["open-metrics-metadata"] = monitor_json(*metric.open_metrics);
    }
    list.push_back(std::move(object));
  }
  return list;
}

Monitor parse_monitor(const json& description, const std::filesystem::path& directory) {
  Faults faults;
  Monitor monitor;
  const ObjectReading reading(description, "", faults);
  if (reading.is_object("an object with ingress-path and egress-path")) {
    reading.allow_keys({"ingress-path", "egress-path"});
    monitor.ingress = parse_path(reading, "ingress-path", directory);
    monitor.egress = parse_path(reading, "egress-path", directory);
    if (!monitor.ingress && !monitor.egress) {
      faults.add("ingress-path and egress-path", "no program", "a program in one of them at least");
    }
  }
  faults.check();
  return monitor;
}

Monitor read_program_file(const std::filesystem::path& path) {
  const std::string ending = path.extension();
  if (ending == ".json") {
    try {
      return parse_monitor(read_json_file(path), path.parent_path());
    } catch (const BadRequest& error) {
      throw BadRequest(path.string() + ":\n" + error.what());
    }
  }
  if (ending != ".c" && ending != ".o") {
    throw Error(path.string() + ": read a file that ends in '" + ending + "', allowed are .json, .c and .o");
  }
  PathConfig config;
  config.name = path.stem();
  config.form = ending == ".c" ? PathConfig::Form::source : PathConfig::Form::object;
  config.file = path;
  return {std::move(config), std::nullopt};
}

}  // namespace nicsentry::programs
