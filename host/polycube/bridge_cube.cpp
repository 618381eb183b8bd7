// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/bridge_cube.h"

#include <algorithm>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/interface.h"
#include "host/polycube/answers.h"
#include "host/polycube/links.h"
#include "host/polycube/settings.h"

namespace nicsentry::polycube {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kPortPart = 3;  // "simplebridge", its name, "ports", the port
constexpr std::size_t kPortSetting = 4;

}  // namespace

BridgeCube::BridgeCube(CubeIdentity identity, const nlohmann::json& settings)
    : Cube(std::move(identity)), log_level_(parse_log_level(text_setting(settings, "loglevel", "INFO"))) {
  allow_settings(settings, {"name", "service-name", "type", "loglevel", "ports"});
  if (parse_cube_type(text_setting(settings, "type", "TC")) != Mode::tc) {
    throw BadRequest("type: allowed is TC, as the bridge is the kernel's");
  }
  index_ = make_bridge(name());
  try {
    if (settings.contains("ports")) {
      for (const auto& port : settings.at("ports")) {
        add_port(text_setting(port, "name", ""), port);
      }
    }
  } catch (...) {
    remove_link(index_, name());
    throw;
  }
}

void BridgeCube::set_peer(const std::string& name, const std::string& peer) {
  Port& port = ports_.at(name);
  if (!peer.empty()) {
    const auto taken = std::find_if(ports_.begin(), ports_.end(), [&](const auto& other) {
      return other.first != name && other.second.peer == peer;
    });
    if (taken != ports_.end()) {
      throw Conflict(peer + " is the peer of port " + taken->first + " already");
    }
    set_master(find_interface(peer).index, index_, peer);
  }
  if (!port.peer.empty() && port.peer != peer) {
    set_master(find_interface(port.peer).index, 0, port.peer);
  }
  port.peer = peer;
}

void BridgeCube::add_port(const std::string& name, const nlohmann::json& settings) {
  allow_settings(settings, {"name", "peer", "uuid", "status", "mac"});
  if (name.empty() || !ports_.try_emplace(name, Port{random_uuid(), ""}).second) {
    throw Conflict("there is a port " + name + " already");
  }
  try {
    set_peer(name, text_setting(settings, "peer", ""));
  } catch (...) {
    ports_.erase(name);
    throw;
  }
}

void BridgeCube::remove_port(const std::string& name) {
  if (!ports_.contains(name)) {
    throw NotFound("there is no port " + name);
  }
  try {
    set_peer(name, "");
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the interface is gone
  }
  ports_.erase(name);
}

std::optional<std::string> BridgeCube::interface_of(const std::string& port) {
  const std::lock_guard lock(mutex_);
  const auto found = ports_.find(port);
  return found == ports_.end() || found->second.peer.empty() ? std::nullopt : std::optional(found->second.peer);
}

void BridgeCube::remove() {
  const std::lock_guard lock(mutex_);
  try {
    remove_link(index_, name());
  } catch (const SystemError&) {  // NOLINT(bugprone-empty-catch): somebody removed it
  }
  ports_.clear();
}

Json BridgeCube::summary() {
  const std::lock_guard lock(mutex_);
  return document();
}

Json BridgeCube::document() {
  Json document = identity_json(Mode::tc, log_level_);
  Json ports = Json::array();
  for (const auto& [port, settings] : ports_) {
    ports.push_back({{"name", port},
                     {"uuid", settings.uuid},
                     {"status", settings.peer.empty() ? "down" : "up"},
                     {"peer", settings.peer}});
  }
  document["ports"] = ports;
  return document;
}

Response BridgeCube::change(const Call& call) {
  const bool of_port = call.path.size() > kPortPart && call.path[kPortPart - 1] == "ports";
  if (of_port && call.path.size() == kPortSetting && call.method == "POST") {
    add_port(call.path[kPortPart], call.body());
    return created();
  }
  if (of_port && call.path.size() == kPortSetting && call.method == "DELETE") {
    remove_port(call.path[kPortPart]);
    return no_content();
  }
  if (of_port && call.path.size() > kPortSetting && call.path[kPortSetting] == "peer" && call.method == "PATCH") {
    if (!ports_.contains(call.path[kPortPart])) {
      throw NotFound("there is no port " + call.path[kPortPart]);
    }
    set_peer(call.path[kPortPart], call.word());
    return done();
  }
  return not_supported(call);
}

Response BridgeCube::answer(const Call& call) {
  const std::lock_guard lock(mutex_);
  return call.method == "GET" ? show(call, document()) : change(call);
}

}  // namespace nicsentry::polycube
