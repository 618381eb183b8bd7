// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/loaded/record.h"

#include <nlohmann/json.hpp>

#include "host/base/error.h"
#include "host/datapath/user_map.h"

namespace nicsentry::programs {
namespace {

using nlohmann::json;

json json_of(const Buckets& buckets) {
  return {{"scale", static_cast<int>(buckets.scale)},
          {"start", buckets.start},
          {"width", buckets.width},
          {"bounds", buckets.bounds}};
}

Buckets buckets_of(const json& read) {
  Buckets buckets;
  buckets.scale = static_cast<Buckets::Scale>(read.at("scale").get<int>());
  buckets.start = read.at("start");
  buckets.width = read.at("width");
  buckets.bounds = read.at("bounds").get<std::vector<double>>();
  return buckets;
}

json json_of(const MetricConfig& metric) {
  json made = {
      {"name", metric.name}, {"map", metric.map}, {"swap", metric.swap_on_read}, {"empty", metric.empty_on_read}};
  if (metric.open_metrics) {
    json labels = json::array();
    for (const Label& label : metric.open_metrics->labels) {
      labels.push_back({label.name, label.value});
    }
    made["open_metrics"] = {{"help", metric.open_metrics->help},
                            {"type", static_cast<int>(metric.open_metrics->type)},
                            {"labels", labels},
                            {"buckets", json_of(metric.open_metrics->buckets)}};
  }
  return made;
}

MetricConfig metric_of(const json& read) {
  MetricConfig metric{read.at("name"), read.at("map"), read.at("swap"), read.at("empty"), std::nullopt};
  if (const auto found = read.find("open_metrics"); found != read.end()) {
    OpenMetricsMetadata metadata;
    metadata.help = found->at("help");
    metadata.type = static_cast<OpenMetricsMetadata::Type>(found->at("type").get<int>());
    for (const json& label : found->at("labels")) {
      metadata.labels.push_back({label.at(0), label.at(1)});
    }
    metadata.buckets = buckets_of(found->at("buckets"));
    metric.open_metrics = std::move(metadata);
  }
  return metric;
}

json json_of(const UserMap& map) {
  return {{"name", map.name},
          {"kind", map.kind},
          {"type", map.type},
          {"key_bytes", map.key_bytes},
          {"value_bytes", map.value_bytes},
          {"max_entries", map.max_entries},
          {"extern", map.is_extern}};
}

UserMap map_of(const json& read) {
  return {read.at("name"),        read.at("kind"),        read.at("type"),  read.at("key_bytes"),
          read.at("value_bytes"), read.at("max_entries"), read.at("extern")};
}

json json_of(const PathRecord& path);

template <typename Range>
json list_of(const Range& range) {
  json list = json::array();
  for (const auto& element : range) {
    list.push_back(json_of(element));
  }
  return list;
}

json json_of(const PathRecord& path) {
  return {{"egress", path.egress},     {"title", path.title},        {"mode", mode_name(path.mode)},
          {"priority", path.priority}, {"maps", list_of(path.maps)}, {"metrics", list_of(path.metrics)},
          {"with", path.with}};
}

PathRecord path_of(const json& read) {
  PathRecord path;
  path.egress = read.at("egress");
  path.title = read.at("title");
  path.mode = parse_mode(read.at("mode").get_ref<const std::string&>());
  path.priority = read.at("priority");
  for (const json& map : read.at("maps")) {
    path.maps.push_back(map_of(map));
  }
  for (const json& metric : read.at("metrics")) {
    path.metrics.push_back(metric_of(metric));
  }
  path.with = read.value("with", "");  // records of former versions have none
  return path;
}

}  // namespace

std::vector<MetricConfig> metrics_of(const PathRecord& path) {
  if (!path.metrics.empty()) {
    return path.metrics;
  }
  std::vector<MetricConfig> metrics;
  for (const UserMap& map : path.maps) {
    if (can_read_map(map.type)) {
      MetricConfig metric;
      metric.name = map.name;
      metric.map = map.name;
      metrics.push_back(std::move(metric));
    }
  }
  return metrics;
}

std::string write_record(const LoadRecord& record) {
  const json made = {{"interface", record.interface},         {"index", record.interface_index},
                     {"namespace", record.network_namespace}, {"file", record.file},
                     {"made_tc_hooks", record.made_tc_hooks}, {"paths", list_of(record.paths)}};
  return made.dump(-1, ' ', true, json::error_handler_t::replace);
}

std::optional<LoadRecord> read_load_record(const std::string& text) {
  const json read = json::parse(text, nullptr, false);
  if (!read.is_object()) {
    return std::nullopt;
  }
  try {
    LoadRecord record;
    record.interface = read.at("interface");
    record.interface_index = read.at("index");
    record.network_namespace = read.at("namespace");
    record.file = read.at("file");
    record.made_tc_hooks = read.at("made_tc_hooks");
    for (const json& path : read.at("paths")) {
      record.paths.push_back(path_of(path));
    }
    return record;
  } catch (const json::exception&) {
    throw Error("the record of a loaded program is not this version's; unload it with the version that loaded it");
  }
}

}  // namespace nicsentry::programs
