// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/cube_store.h"

#include <algorithm>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/interface.h"
#include "host/datapath/user_hooks.h"
#include "host/polycube/bridge_cube.h"
#include "host/polycube/firewall_cube.h"
#include "host/polycube/monitor_cube.h"

namespace nicsentry::polycube {
namespace {

constexpr const char* kMonitor = "dynmon";
constexpr const char* kFirewall = "firewall";
constexpr const char* kBridge = "simplebridge";
constexpr std::size_t kNameLength = 64;

void check_cube_name(const std::string& name) {
  const auto fits = [](unsigned char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '-' || character == '_';
  };
  if (name.empty() || name.size() > kNameLength || !std::all_of(name.begin(), name.end(), fits)) {
    throw BadRequest("name: read '" + name + "', allowed are 1 to " + std::to_string(kNameLength) +
                     " letters, digits, - and _");
  }
}

}  // namespace

CubeStore::CubeStore(OpenFirewallPort open, AttachedRecord record, std::function<void(const std::string&)> warning)
    : open_(std::move(open)), record_(std::move(record)), warning_(std::move(warning)) {}

CubeStore::~CubeStore() {
  for (const auto& cube : all()) {
    try {
      remove(cube->service(), cube->name());
    } catch (const std::exception& error) {
      warning_("could not remove " + cube->name() + ": " + error.what());
    }
  }
}

const std::vector<std::string>& CubeStore::services() {
  static const std::vector<std::string> kServices = {kMonitor, kFirewall, kBridge};
  return kServices;
}

bool CubeStore::is_service(const std::string& name) {
  return std::find(services().begin(), services().end(), name) != services().end();
}

void CubeStore::create(const std::string& service, const std::string& name, const nlohmann::json& settings) {
  check_cube_name(name);
  if (find(name) != nullptr) {
    throw Conflict("there is a cube " + name + " already");
  }
  CubeIdentity identity{name, service, random_uuid()};
  std::shared_ptr<Cube> cube;
  if (service == kMonitor) {
    cube = std::make_shared<MonitorCube>(std::move(identity), settings);
  } else if (service == kFirewall) {
    cube = std::make_shared<FirewallCube>(std::move(identity), settings, open_, warning_);
  } else if (service == kBridge) {
    cube = std::make_shared<BridgeCube>(std::move(identity), settings);
  } else {
    throw NotFound("there is no service " + service);
  }
  {
    const std::lock_guard lock(names_mutex_);
    if (cubes_.try_emplace(name, cube).second) {
      return;
    }
  }
  cube->remove();  // somebody else was quicker
  throw Conflict("there is a cube " + name + " already");
}

void CubeStore::remove(const std::string& service, const std::string& name) {
  const std::lock_guard lines_lock(lines_mutex_);
  std::shared_ptr<Cube> cube;
  {
    const std::lock_guard lock(names_mutex_);
    const auto found = cubes_.find(name);
    if (found == cubes_.end() || found->second->service() != service) {
      throw Conflict("there is no " + service + " " + name);
    }
    cube = found->second;
    cubes_.erase(found);
  }
  cube->remove();
  if (const auto member = std::dynamic_pointer_cast<TransparentCube>(cube)) {
    take_out(member);
  }
}

std::shared_ptr<Cube> CubeStore::find(const std::string& name) {
  const std::lock_guard lock(names_mutex_);
  const auto found = cubes_.find(name);
  return found == cubes_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Cube>> CubeStore::all() {
  const std::lock_guard lock(names_mutex_);
  std::vector<std::shared_ptr<Cube>> all;
  all.reserve(cubes_.size());
  for (const auto& [name, cube] : cubes_) {
    all.push_back(cube);
  }
  return all;
}

std::shared_ptr<TransparentCube> CubeStore::transparent(const std::string& name) {
  const std::shared_ptr<Cube> cube = find(name);
  if (cube == nullptr) {
    throw Error("Cube " + name + " does not exist");
  }
  auto found = std::dynamic_pointer_cast<TransparentCube>(cube);
  if (found == nullptr) {
    throw Error("Cube " + name + " is not transparent");
  }
  return found;
}

std::string CubeStore::interface_of(const std::string& port) {
  const std::size_t colon = port.find(':');
  if (colon == std::string::npos) {
    return find_interface(port).name;
  }
  const auto bridge = std::dynamic_pointer_cast<BridgeCube>(find(port.substr(0, colon)));
  const auto interface = bridge != nullptr ? bridge->interface_of(port.substr(colon + 1)) : std::nullopt;
  if (!interface) {
    throw Error("Port " + port + " does not exist, or has no interface");
  }
  return *interface;
}

void CubeStore::check(const Line& line, const TransparentCube& cube, const std::string& interface) {
  if (line.cubes.size() >= kCubesMax) {
    throw Error(interface + " has " + std::to_string(kCubesMax) + " cubes, the most that an interface can have");
  }
  for (const Placed& one : line.cubes) {
    if (cube.is_firewall() && one.cube->is_firewall()) {
      throw Error(interface + " has the firewall " + one.cube->name() + " already; an interface has one at most");
    }
    if (cube.type() != Mode::tc && one.cube->type() != Mode::tc) {
      throw Error(interface + " has the cube " + one.cube->name() + " of type " + cube_type_name(one.cube->type()) +
                  " already; on XDP a program stands alone, and cubes of type TC beside it");
    }
  }
}

std::size_t CubeStore::index_of(const Line& line, const Position& position) {
  if (position.kind == Position::Kind::first) {
    return 0;
  }
  if (position.kind == Position::Kind::last) {
    return line.cubes.size();
  }
  const auto other = std::find_if(line.cubes.begin(), line.cubes.end(),
                                  [&position](const Placed& one) { return one.cube->name() == position.other; });
  if (other == line.cubes.end()) {
    throw Error("Cube " + position.other + " is not attached there");
  }
  return static_cast<std::size_t>(other - line.cubes.begin()) + (position.kind == Position::Kind::after ? 1 : 0);
}

// Cubes whose numbers do not fit any more are put on their hooks anew. All are off before the first is on again: its
// new number can be another one's old number. A cube that fails stops none of the others.
void CubeStore::move(Line& line, const std::vector<Places>& places, const Member& except,
                     const std::string& interface) {
  struct Moving {
    Placed& placed;
    Places to;
    std::string port;
  };
  std::vector<Moving> moving;
  for (std::size_t i = 0; i < line.cubes.size(); ++i) {
    Placed& one = line.cubes[i];
    if (one.cube != except && !one.cube->is_firewall() && one.places != places[i]) {
      moving.push_back({one, places[i], one.cube->port()});
    }
  }
  std::string failures;
  const auto attempt = [&failures](const Member& cube, const auto& step) {
    try {
      step();
    } catch (const std::exception& error) {
      failures += "; " + cube->name() + " had to move: " + error.what();
    }
  };
  for (const Moving& one : moving) {
    attempt(one.placed.cube, [&one] { one.placed.cube->detach(); });
  }
  for (const Moving& one : moving) {
    if (one.placed.cube->port().empty()) {
      attempt(one.placed.cube, [&one, &interface] {
        one.placed.cube->attach(interface, one.port, one.to, [] { return ChangeTerms{}; });
        one.placed.places = one.to;
      });
    }
  }
  if (!failures.empty()) {
    throw Error(failures.substr(2));
  }
}

CubeStore::Line CubeStore::line_of(const std::string& interface) {
  if (const auto found = lines_.find(interface); found != lines_.end()) {
    return found->second;
  }
  const Interface found = find_interface(interface);
  return {found.index, make_tc_hooks(found), {}};
}

void CubeStore::attach(const std::string& name, const std::string& port, const Position& position,
                       const FindTerms& terms) {
  const std::lock_guard lock(lines_mutex_);
  const Member cube = transparent(name);
  if (!cube->port().empty()) {
    throw Error("Cube " + name + " is already attached");
  }
  const std::string interface = interface_of(port);
  Line line = line_of(interface);
  try {
    check(line, *cube, interface);
    const std::size_t index = index_of(line, position);
    line.cubes.insert(line.cubes.begin() + static_cast<std::ptrdiff_t>(index), Placed{cube, {}});
    std::vector<ChainMember> members;
    members.reserve(line.cubes.size());
    for (const Placed& one : line.cubes) {
      members.push_back({one.cube->is_firewall(), one.cube == cube ? std::nullopt : std::optional(one.places)});
    }
    const std::vector<Places> places = places_in_chain(members);
    line.cubes[index].places = places[index];
    save(interface, line);  // before the programs are there: a killed service may leave too much on record
    move(line, places, cube, interface);
    cube->attach(interface, port, places[index], terms);
  } catch (...) {
    keep(std::move(line), interface);
    throw;
  }
  keep(std::move(line), interface);
}

// Leaves out what is not on the interface.
void CubeStore::keep(Line line, const std::string& interface) {
  std::erase_if(line.cubes, [](const Placed& one) { return one.cube->port().empty(); });
  if (line.cubes.empty()) {
    if (line.made_hooks) {
      remove_idle_hooks(line.index);
    }
    lines_.erase(interface);
  } else {
    lines_[interface] = std::move(line);
  }
  save({}, {});
}

void CubeStore::save(const std::string& besides, const Line& line) {
  std::vector<AttachedInterface> attached;
  const auto add = [&attached](const std::string& name, const Line& one) {
    const bool firewall = std::any_of(one.cubes.begin(), one.cubes.end(),
                                      [](const Placed& placed) { return placed.cube->is_firewall(); });
    attached.push_back({name, one.index, firewall, one.made_hooks});
  };
  for (const auto& [name, one] : lines_) {
    if (name != besides) {
      add(name, one);
    }
  }
  if (!besides.empty()) {
    add(besides, line);
  }
  record_.write(attached);
}

void CubeStore::take_out(const Member& cube) {
  const std::map<std::string, Line> lines = lines_;
  for (const auto& [interface, line] : lines) {
    if (std::any_of(line.cubes.begin(), line.cubes.end(), [&cube](const Placed& one) { return one.cube == cube; })) {
      keep(line, interface);
    }
  }
}

void CubeStore::detach(const std::string& name, const std::string& port) {
  const std::lock_guard lock(lines_mutex_);
  const Member cube = transparent(name);
  if (cube->port() != port) {
    throw Error("Cube " + name + " is not attached to " + port);
  }
  cube->detach();
  take_out(cube);
}

std::vector<std::string> CubeStore::chain(const std::string& interface) {
  const std::lock_guard lock(lines_mutex_);
  std::vector<std::string> names;
  if (const auto line = lines_.find(interface); line != lines_.end()) {
    for (const Placed& one : line->second.cubes) {
      names.push_back(one.cube->name());
    }
  }
  return names;
}

}  // namespace nicsentry::polycube
