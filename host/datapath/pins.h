// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "host/datapath/interface.h"
#include "host/datapath/loaded_program.h"
#include "host/datapath/mode.h"
#include "host/datapath/program.h"

namespace nicsentry {

// nicsentry's own directory in a BPF file system: /sys/fs/bpf/nicsentry, or what NICSENTRY_PIN_DIR names. It has a
// directory for each hook, NAMESPACE-INDEX-HOOK, with the program and its maps. With them a program can be adopted
// without the right to open programs by id, and it is there when somebody takes it off its hook while no run drives it.
class PinDirectory {
 public:
  // Makes it for root alone where it is missing. Nothing, and why, where there is no BPF file system. Throws Error for
  // a directory that another user owns or can enter.
  static std::optional<PinDirectory> open(std::string& why_not);

  // Pins a program and its maps in place of what was pinned for the hook. Throws SystemError.
  void pin(const Interface& port, Hook hook, const Program& program) const;
  // Quiet when nothing is pinned.
  void unpin(const Interface& port, Hook hook) const;
  // Removes pins of interfaces and network namespaces that are gone, and of programs that are on their hooks no more.
  void remove_vanished() const;

  const std::filesystem::path& path() const { return path_; }
  // Where it is, or would be.
  static std::filesystem::path place();

 private:
  explicit PinDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path of(const Interface& port, Hook hook) const;

  std::filesystem::path path_;
};

// The network namespaces of processes, and those that are mounted where this process sees it.
struct LivingNamespaces {
  std::map<unsigned long, std::filesystem::path> places;  // by inode: a path to it
  bool all = true;  // false: this process may not look at some process, whose namespace may be another one

  bool may_include(unsigned long inode) const { return !all || places.contains(inode); }
};
LivingNamespaces living_namespaces();

// A pinned program with its maps; nothing where none has this id.
std::optional<LoadedProgram> open_pinned_program(std::uint32_t id);

}  // namespace nicsentry
