// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>

#include "host/polycube/cube.h"

namespace nicsentry::polycube {

// A cube of the service simplebridge: a bridge of the kernel of the same name, and interfaces that are its ports.
class BridgeCube : public Cube {
 public:
  // `settings`: type (TC), loglevel, ports. Makes the bridge. Throws Error.
  BridgeCube(CubeIdentity identity, const nlohmann::json& settings);

  Response answer(const Call& call) override;
  nlohmann::ordered_json summary() override;
  void remove() override;

  // The interface behind a port; nothing where the port is not there or has none.
  std::optional<std::string> interface_of(const std::string& port);

 private:
  struct Port {
    std::string uuid;
    std::string peer;  // empty: none
  };

  void set_peer(const std::string& name, const std::string& peer);
  void add_port(const std::string& name, const nlohmann::json& settings);
  void remove_port(const std::string& name);
  nlohmann::ordered_json document();
  Response change(const Call& call);

  std::mutex mutex_;  // of what follows
  int log_level_;
  int index_ = 0;  // of the bridge
  std::map<std::string, Port> ports_;
};

}  // namespace nicsentry::polycube
