// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "host/polycube/attached_record.h"
#include "host/polycube/cube.h"
#include "host/polycube/firewall_port.h"

namespace nicsentry::polycube {

// Where a cube goes in the chain of an interface: "first", "last", "auto" (last), or beside another cube.
struct Position {
  enum class Kind { first, last, before, after };
  Kind kind = Kind::last;
  std::string other;
};

// All cubes by name, and which stand in which order on which interface. Any thread may call; changes of a chain wait
// for each other.
class CubeStore {
 public:
  // `record`: where it is on record which interfaces have cubes.
  CubeStore(OpenFirewallPort open, AttachedRecord record, std::function<void(const std::string&)> warning);
  ~CubeStore();  // removes all cubes
  CubeStore(const CubeStore&) = delete;
  CubeStore& operator=(const CubeStore&) = delete;

  static bool is_service(const std::string& name);
  static const std::vector<std::string>& services();

  // Throws Conflict where a cube has the name, NotFound where there is no such service.
  void create(const std::string& service, const std::string& name, const nlohmann::json& settings);
  // Throws Conflict where there is no such cube, as Polycube does.
  void remove(const std::string& service, const std::string& name);
  std::shared_ptr<Cube> find(const std::string& name);  // null: there is none
  std::vector<std::shared_ptr<Cube>> all();             // by name

  // `port`: an interface, or BRIDGE:PORT. Throw Error.
  void attach(const std::string& cube, const std::string& port, const Position& position, const FindTerms& terms);
  void detach(const std::string& cube, const std::string& port);
  // The cubes on an interface, first the one that an incoming packet sees first.
  std::vector<std::string> chain(const std::string& interface);

 private:
  using Member = std::shared_ptr<TransparentCube>;
  struct Placed {
    Member cube;
    Places places;
  };
  struct Line {
    int index = 0;            // of the interface
    bool made_hooks = false;  // of TC, which go with the last cube
    std::vector<Placed> cubes;
  };

  std::shared_ptr<TransparentCube> transparent(const std::string& name);
  std::string interface_of(const std::string& port);
  static void check(const Line& line, const TransparentCube& cube, const std::string& interface);
  Line line_of(const std::string& interface);
  static std::size_t index_of(const Line& line, const Position& position);
  static void move(Line& line, const std::vector<Places>& places, const Member& except, const std::string& interface);
  void keep(Line line, const std::string& interface);
  // Puts all lines on record, and one that is about to be another one.
  void save(const std::string& besides, const Line& line);
  void take_out(const Member& cube);

  const OpenFirewallPort open_;
  const AttachedRecord record_;
  const std::function<void(const std::string&)> warning_;
  std::mutex names_mutex_;  // of cubes_
  std::map<std::string, std::shared_ptr<Cube>> cubes_;
  std::mutex lines_mutex_;             // of lines_; held while programs are loaded
  std::map<std::string, Line> lines_;  // by Linux's name of the interface
};

}  // namespace nicsentry::polycube
