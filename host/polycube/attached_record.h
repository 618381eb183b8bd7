// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace nicsentry::polycube {

// An interface that has cubes.
struct AttachedInterface {
  std::string name;
  int index = 0;
  bool firewall = false;    // one of the cubes is a firewall
  bool made_hooks = false;  // the service made the TC hooks
};

// Which interfaces have cubes, in a file, so that the next service can take off what a killed one left. Of one thread
// at a time.
class AttachedRecord {
 public:
  explicit AttachedRecord(std::filesystem::path path) : path_(std::move(path)) {}

  // Throws SystemError.
  void write(const std::vector<AttachedInterface>& interfaces) const;
  // Takes off monitors, firewalls and bridges of a service that is gone, and the hooks that it made. Warns of what it
  // could not take off. Throws Error.
  void clean_up(const std::function<void(const std::string&)>& warning) const;

 private:
  std::filesystem::path path_;
};

// Removes the TC hooks of an interface where nobody has a filter there. Throws SystemError.
void remove_idle_hooks(int index);

}  // namespace nicsentry::polycube
