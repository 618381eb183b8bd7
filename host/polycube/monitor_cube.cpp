// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/monitor_cube.h"

#include <utility>

#include "host/base/error.h"
#include "host/polycube/answers.h"
#include "host/polycube/document.h"
#include "host/polycube/monitor_metrics.h"
#include "host/polycube/settings.h"
#include "host/programs/loaded/loaded.h"
#include "host/programs/monitor/monitor_reading.h"
#include "host/programs/verify/verify.h"

namespace nicsentry::polycube {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kConfig = "dataplane-config";
constexpr std::size_t kBehindCube = 2;  // parts of a path: the service and the name
constexpr const char* kPaths[] = {"ingress-path", "egress-path"};

// A monitor's file may name files of its own; a request may not: they would be the server's.
void refuse_files(const nlohmann::json& config) {
  for (const char* path : kPaths) {
    for (const char* form : {"source", "object"}) {
      if (config.is_object() && config.contains(path) && config.at(path).is_object() &&
          config.at(path).contains(form)) {
        throw BadRequest(std::string(path) + "." + form + ": allowed is code");
      }
    }
  }
}

bool has_program(const nlohmann::json& config) {
  for (const char* path : kPaths) {
    if (config.is_object() && config.contains(path) && !(config.at(path).is_object() && config.at(path).empty())) {
      return true;
    }
  }
  return false;
}

}  // namespace

MonitorCube::MonitorCube(CubeIdentity identity, const nlohmann::json& settings)
    : TransparentCube(std::move(identity), settings) {
  allow_settings(settings, {"name", "service-name", "type", "loglevel", kConfig});
  config_ = parse(settings.contains(kConfig) ? settings.at(kConfig) : nlohmann::json::object());
  verify(config_, log_level());
}

MonitorCube::Config MonitorCube::parse(const nlohmann::json& document) {
  refuse_files(document);
  Config config{Json::parse(document.dump()), std::nullopt};
  if (has_program(document)) {
    config.monitor = programs::parse_monitor(document, "/nonexistent");
  } else if (!document.is_object()) {
    throw BadRequest(std::string(kConfig) + ": allowed is an object with ingress-path and egress-path");
  } else {
    allow_settings(document, {kPaths[0], kPaths[1]});
  }
  return config;
}

void MonitorCube::verify(const Config& config, int log_level) const {
  if (config.monitor) {
    programs::VerifyOptions options;
    options.ingress = type() == Mode::tc ? ProgramKind::tc : ProgramKind::xdp;
    options.log_level = log_level;
    programs::verify(*config.monitor, options);
  }
}

void MonitorCube::load(const Config& config, int log_level, const std::string& interface, const Places& places) const {
  if (!config.monitor) {
    return;
  }
  for (const programs::LoadedMonitor& other : programs::list_monitors()) {
    if (other.name == name() && other.file != kLoadedByApi) {
      throw Error("a program that is not this API's is loaded as " + name() + "; unload it with: nicsentry programs " +
                  "unload " + name());
    }
  }
  programs::LoadRequest request;
  request.interface = interface;
  request.name = name();
  request.file = kLoadedByApi;
  request.mode = type();
  request.log_level = log_level;
  request.priority = places.ingress;
  request.egress_priority = places.egress;
  programs::load_monitor(*config.monitor, request);
}

void MonitorCube::unload() const {
  try {
    programs::unload_monitor(name());
  } catch (const NotFound&) {  // NOLINT(bugprone-empty-catch): the cube has no program, or somebody took it off
  }
}

void MonitorCube::attach(const std::string& interface, const std::string& port, const Places& places,
                         const FindTerms& /*terms*/) {
  const std::lock_guard lock(mutex_);
  load(config_, log_level(), interface, places);
  interface_ = interface;
  places_ = places;
  set_port(port);
}

void MonitorCube::detach() {
  const std::lock_guard lock(mutex_);
  if (!interface_.empty()) {
    unload();
  }
  interface_.clear();
  set_port("");
}

// The former programs go on until the new ones are there, and where the new ones are refused.
void MonitorCube::take(Config config, int log_level) {
  if (interface_.empty()) {
    verify(config, log_level);
  } else if (config.monitor) {
    load(config, log_level, interface_, places_);
  } else {
    unload();
  }
  config_ = std::move(config);
  set_log_level(log_level);
}

// Paths that are given take the place of those that are there.
void MonitorCube::merge(Json& into, const nlohmann::json& given) {
  for (const auto& [key, value] : given.items()) {
    into[key] = Json::parse(value.dump());
  }
}

Response MonitorCube::change_config(const Call& call) {
  const bool whole = call.path.size() == 3;
  Json wanted = config_.document;
  if (call.method == "DELETE") {
    if (whole) {
      wanted = Json::object();
    } else if (wanted.erase(call.path[3]) == 0) {
      throw NotFound("there is no " + call.path[3]);
    }
  } else if (!whole) {
    wanted[call.path[3]] = Json::parse(call.body().dump());
  } else if (call.method == "PATCH") {
    merge(wanted, call.body());
  } else {
    wanted = Json::parse(call.body().dump());
  }
  try {
    take(parse(nlohmann::json::parse(wanted.dump())), log_level());
  } catch (const BadRequest&) {
    throw;
  } catch (const std::exception& error) {
    return with_text(error.what(), 500);
  }
  return call.method == "DELETE" ? no_content() : call.method == "PATCH" ? done() : created();
}

Response MonitorCube::change_setting(const Call& call) {
  if (call.path.size() == 3 && call.path[2] == "loglevel" && call.method == "PATCH") {
    take(config_, parse_log_level(call.word()));
    return done();
  }
  return not_supported(call);
}

Json MonitorCube::document() {
  Json document = summary();
  document[kConfig] = config_.document;
  return document;
}

Response MonitorCube::answer(const Call& call) {
  const std::lock_guard lock(mutex_);
  if (call.method == "GET" && call.path.size() > kBehindCube && call.path[kBehindCube] == "metrics") {
    return show_metrics(call, name(), config_.monitor, !interface_.empty());
  }
  if (call.method == "GET" && call.path.size() > kBehindCube && call.path[kBehindCube] == "open-metrics") {
    return show_open_metrics(call, name(), !interface_.empty());
  }
  if (call.method == "GET") {
    return show(call, document());
  }
  if (call.path.size() >= 3 && call.path.size() <= 4 && call.path[2] == kConfig) {
    return change_config(call);
  }
  return change_setting(call);
}

void unload_leftovers() {
  for (const programs::LoadedMonitor& monitor : programs::list_monitors()) {
    if (monitor.file == kLoadedByApi && monitor.here) {
      programs::unload_monitor(monitor.name);
    }
  }
}

}  // namespace nicsentry::polycube
