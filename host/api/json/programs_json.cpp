// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/programs_json.h"

#include <utility>

#include "host/base/base64.h"
#include "host/base/error.h"
#include "host/programs/monitor/monitor_reading.h"

namespace nicsentry {
namespace {

using json_fields::kBool;
using json_fields::kNumber;
using json_fields::kText;
using nlohmann::json;
using nlohmann::ordered_json;
using programs::CompiledPath;
using programs::LoadedMonitor;
using programs::LoadedPath;
using programs::MetricConfig;

constexpr const char* kModes = "hw, drv, skb or tc";
constexpr const char* kPriorities = "a number from 1 to 65535";
constexpr std::uint32_t kPriorityMost = 0xffff;

const char* kind_name(ProgramKind kind) { return kind == ProgramKind::xdp ? "xdp" : "tc"; }

bool get_path(Fields& fields) {
  const auto path = fields.get<std::string>("path", "ingress or egress");
  if (path != program_path_name(false) && path != program_path_name(true)) {
    fields.fail("path", "ingress or egress");
  }
  return path == program_path_name(true);
}

Mode get_mode(Fields& fields) {
  const auto text = fields.get<std::string>("mode", kModes);
  for (const Mode mode : {Mode::hw, Mode::drv, Mode::skb, Mode::tc}) {
    if (text == mode_name(mode)) {
      return mode;
    }
  }
  fields.fail("mode", kModes);
}

ordered_json encode_path(const LoadedPath& path) {
  ordered_json metrics = ordered_json::array();
  for (const MetricConfig& metric : path.metrics) {
    metrics.push_back({{"name", metric.name},
                       {"map", metric.map},
                       {"swap_on_read", metric.swap_on_read},
                       {"empty_on_read", metric.empty_on_read}});
  }
  ordered_json made = {{"path", program_path_name(path.egress)},
                       {"name", path.title},
                       {"mode", mode_name(path.mode)},
                       {"program_id", path.program_id},
                       {"attached", path.attached}};
  if (path.priority != 0) {
    made["priority"] = path.priority;
  }
  if (!path.with.empty()) {
    made["with"] = path.with;
  }
  if (path.instructions) {
    made["nfp_instructions"] = *path.instructions;
  }
  made["maps"] = encode(path.maps);
  made["metrics"] = std::move(metrics);
  return made;
}

UserMap decode_map(Fields fields) {
  UserMap map;
  map.name = fields.get<std::string>("name", kText);
  map.kind = fields.get<std::string>("kind", kText);
  map.key_bytes = fields.get<std::uint32_t>("key_bytes", kNumber);
  map.value_bytes = fields.get<std::uint32_t>("value_bytes", kNumber);
  map.max_entries = fields.get<std::uint32_t>("max_entries", kNumber);
  map.is_extern = fields.get<bool>("extern", kBool);
  return map;
}

MetricConfig decode_metric(Fields fields) {
  return {fields.get<std::string>("name", kText), fields.get<std::string>("map", kText),
          fields.get<bool>("swap_on_read", kBool), fields.get<bool>("empty_on_read", kBool), std::nullopt};
}

LoadedPath decode_path(Fields fields) {
  LoadedPath path;
  path.egress = get_path(fields);
  path.title = fields.get<std::string>("name", kText);
  path.mode = get_mode(fields);
  path.program_id = fields.get<std::uint32_t>("program_id", kNumber);
  path.attached = fields.get<bool>("attached", kBool);
  path.priority = fields.find<std::uint32_t>("priority", kNumber).value_or(0);
  path.with = fields.find<std::string>("with", kText).value_or("");
  path.instructions = fields.find<std::uint32_t>("nfp_instructions", kNumber);
  const json& maps = fields.list("maps");
  for (std::size_t i = 0; i < maps.size(); ++i) {
    path.maps.push_back(decode_map(fields.element("maps", maps, i)));
  }
  const json& metrics = fields.list("metrics");
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    path.metrics.push_back(decode_metric(fields.element("metrics", metrics, i)));
  }
  return path;
}

LoadedMonitor decode_monitor(Fields fields) {
  LoadedMonitor monitor;
  monitor.name = fields.get<std::string>("name", kText);
  monitor.interface = fields.get<std::string>("interface", kText);
  monitor.network_namespace = fields.get<unsigned long>("network_namespace", kNumber);
  monitor.here = fields.get<bool>("here", kBool);
  monitor.file = fields.get<std::string>("file", kText);
  monitor.maps = fields.get<std::string>("pinned", kText);
  const json& paths = fields.list("paths");
  for (std::size_t i = 0; i < paths.size(); ++i) {
    monitor.paths.push_back(decode_path(fields.element("paths", paths, i)));
  }
  return monitor;
}

ordered_json encode_compiled(const CompiledPath& path) {
  ordered_json made = {{"path", program_path_name(path.egress)},
                       {"name", path.name},
                       {"kind", kind_name(path.kind)},
                       {"title", path.source.name}};
  if (!path.source.text.empty()) {
    made["source"] = path.source.text;
  }
  made["object"] = base64_text(path.object);
  made["metric-configs"] = programs::metric_configs_json(path.metrics);
  return made;
}

CompiledPath decode_compiled(Fields fields) {
  constexpr const char* kObject = "a compiled program, in base64";
  constexpr const char* kKinds = "xdp or tc, for the egress path tc";
  CompiledPath path;
  path.egress = get_path(fields);
  path.name = fields.get<std::string>("name", kText);
  const auto kind = fields.get<std::string>("kind", kKinds);
  path.kind = kind == kind_name(ProgramKind::xdp) ? ProgramKind::xdp : ProgramKind::tc;
  if (kind != kind_name(path.kind) || (path.egress && path.kind == ProgramKind::xdp)) {
    fields.fail("kind", kKinds);
  }
  path.source.name = fields.find<std::string>("title", kText).value_or(path.name);
  path.source.text = fields.find<std::string>("source", kText).value_or("");
  auto object = base64_bytes(fields.get<std::string>("object", kObject));
  if (!object || object->empty()) {
    throw BadRequest(std::string("object: allowed is ") + kObject);  // it may be long
  }
  path.object = std::move(*object);
  if (fields.has("metric-configs")) {
    path.metrics = programs::parse_metric_configs(fields.list("metric-configs"), program_path_name(path.egress));
  }
  fields.finish();
  return path;
}

std::vector<CompiledPath> get_compiled(Fields& fields) {
  constexpr const char* kPaths = "a list of one path, or of two with the ingress path first";
  const json& list = fields.list("paths", kPaths);
  if (list.empty() || list.size() > 2) {
    throw BadRequest("paths: read " + std::to_string(list.size()) + ", allowed is " + kPaths);
  }
  std::vector<CompiledPath> paths;
  for (std::size_t i = 0; i < list.size(); ++i) {
    paths.push_back(decode_compiled(fields.element("paths", list, i)));
  }
  if (paths.size() == 2 && (paths[0].egress || !paths[1].egress)) {
    throw BadRequest(std::string("paths: allowed is ") + kPaths);
  }
  return paths;
}

}  // namespace

const char* program_path_name(bool egress) { return egress ? "egress" : "ingress"; }

ordered_json encode(const std::vector<UserMap>& maps) {
  ordered_json list = ordered_json::array();
  for (const UserMap& map : maps) {
    list.push_back({{"name", map.name},
                    {"kind", map.kind},
                    {"key_bytes", map.key_bytes},
                    {"value_bytes", map.value_bytes},
                    {"max_entries", map.max_entries},
                    {"extern", map.is_extern}});
  }
  return list;
}

ordered_json encode(const LoadedMonitor& monitor) {
  ordered_json paths = ordered_json::array();
  for (const LoadedPath& path : monitor.paths) {
    paths.push_back(encode_path(path));
  }
  return {{"name", monitor.name}, {"interface", monitor.interface}, {"network_namespace", monitor.network_namespace},
          {"here", monitor.here}, {"file", monitor.file},           {"pinned", monitor.maps},
          {"paths", paths}};
}

template <>
LoadedMonitor decode(const json& answer) {
  return decode_monitor(Fields(answer, Origin::answer));
}

ordered_json encode(const ProgramsAnswer& answer) {
  ordered_json list = ordered_json::array();
  for (const LoadedMonitor& monitor : answer.programs) {
    list.push_back(encode(monitor));
  }
  return {{"programs", std::move(list)}};
}

template <>
ProgramsAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  const json& list = fields.list("programs");
  ProgramsAnswer decoded;
  for (std::size_t i = 0; i < list.size(); ++i) {
    decoded.programs.push_back(decode_monitor(fields.element("programs", list, i)));
  }
  return decoded;
}

ordered_json encode(const ProgramLoadRequest& request) {
  ordered_json object = {{"name", request.load.name}, {"interface", request.load.interface}};
  object["origin"] = request.load.file;
  if (request.load.mode) {
    object["mode"] = mode_name(*request.load.mode);
  }
  if (request.load.priority) {
    object["priority"] = *request.load.priority;
  }
  if (!request.load.with.empty()) {
    object["with"] = request.load.with;
  }
  object["paths"] = ordered_json::array();
  for (const CompiledPath& path : request.paths) {
    object["paths"].push_back(encode_compiled(path));
  }
  return object;
}

template <>
ProgramLoadRequest decode(const json& request) {
  Fields fields(request, Origin::request);
  ProgramLoadRequest decoded;
  decoded.load.name = fields.get<std::string>("name", kText);
  decoded.load.interface = fields.get<std::string>("interface", kText);
  decoded.load.file = fields.find<std::string>("origin", kText).value_or("");
  if (fields.has("mode")) {
    decoded.load.mode = get_mode(fields);
  }
  decoded.load.priority = fields.find<std::uint32_t>("priority", kPriorities);
  if (decoded.load.priority && (*decoded.load.priority == 0 || *decoded.load.priority > kPriorityMost)) {
    fields.fail("priority", kPriorities);
  }
  decoded.load.with = fields.find<std::string>("with", kText).value_or("");
  decoded.paths = get_compiled(fields);
  fields.finish();
  return decoded;
}

ordered_json encode(const programs::LoadResult& result) {
  return {{"program", encode(result.monitor)},
          {"replaced", result.replaced},
          {"warnings", result.warnings},
          {"why_alone", result.why_alone}};
}

template <>
programs::LoadResult decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  programs::LoadResult result;
  result.monitor = decode_monitor(fields.object("program"));
  result.replaced = fields.get<bool>("replaced", kBool);
  result.warnings = fields.get<std::string>("warnings", kText);
  result.why_alone = fields.get<std::string>("why_alone", kText);
  return result;
}

ordered_json encode(const ProgramUnloaded& answer) { return {{"unloaded", answer.name}}; }

template <>
ProgramUnloaded decode(const json& answer) {
  return {Fields(answer, Origin::answer).get<std::string>("unloaded", kText)};
}

}  // namespace nicsentry
