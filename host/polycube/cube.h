// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/api/server/request.h"
#include "host/datapath/mode.h"
#include "host/polycube/call.h"
#include "host/polycube/places.h"

namespace nicsentry::polycube {

// The part that all cubes have.
struct CubeIdentity {
  std::string name;
  std::string service;  // "dynmon", "firewall", "simplebridge"
  std::string uuid;
};

// The settings that a cube is made with, and their texts: TC, XDP_SKB, XDP_DRV; OFF, CRITICAL, ..., TRACE. Names are
// read in either case. Throw BadRequest.
Mode parse_cube_type(const std::string& text);
std::string cube_type_name(Mode mode);
int parse_log_level(const std::string& text);  // 0 trace to 6 off
std::string log_level_name(int level);

std::string random_uuid();

// A named thing of the API. Any thread may call; calls of one cube run one at a time.
class Cube {
 public:
  explicit Cube(CubeIdentity identity) : identity_(std::move(identity)) {}
  virtual ~Cube() = default;
  Cube(const Cube&) = delete;
  Cube& operator=(const Cube&) = delete;

  const std::string& name() const { return identity_.name; }
  const std::string& service() const { return identity_.service; }

  // A request for the cube or for what is below it: the path has the service and the name as its first two parts.
  virtual Response answer(const Call& call) = 0;
  // Name, uuid, service, type, log level, and what the kind of cube adds to a listing. Does not wait for a compilation.
  virtual nlohmann::ordered_json summary() = 0;
  // Takes everything of the cube off the interfaces.
  virtual void remove() = 0;

 protected:
  nlohmann::ordered_json identity_json(Mode type, int log_level) const;

 private:
  const CubeIdentity identity_;
};

// A cube that stands in the way of an interface's packets.
class TransparentCube : public Cube {
 public:
  // `settings`: type and loglevel, beside those of the kind of cube. Throws BadRequest.
  TransparentCube(CubeIdentity identity, const nlohmann::json& settings);

  nlohmann::ordered_json summary() override;
  void remove() override { detach(); }

  // `interface` is Linux's name, `port` how the API's client called it. A firewall needs no places; others need no
  // terms. Throws Error, and nothing is attached then.
  virtual void attach(const std::string& interface, const std::string& port, const Places& places,
                      const FindTerms& terms) = 0;
  virtual void detach() = 0;
  virtual bool is_firewall() const = 0;
  Mode type() const { return type_; }

  // How the client called the interface; empty: the cube is not attached.
  std::string port() const;

 protected:
  int log_level() const;
  void set_log_level(int level);
  void set_port(const std::string& port);

 private:
  const Mode type_;
  mutable std::mutex shown_mutex_;  // of what follows: a listing does not wait for a cube that compiles
  int log_level_;
  std::string port_;
};

}  // namespace nicsentry::polycube
