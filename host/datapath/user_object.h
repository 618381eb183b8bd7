// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/datapath/interface.h"
#include "host/datapath/mode.h"
#include "host/datapath/xdp_dispatcher.h"

namespace nicsentry {

// The kernel's verifier does not take a program.
class VerifierRefusal : public Error {
 public:
  VerifierRefusal(const std::string& what, std::string reason, std::optional<std::size_t> instruction)
      : Error(what), reason_(std::move(reason)), instruction_(instruction) {}
  const std::string& reason() const { return reason_; }                    // the last words of its log
  std::optional<std::size_t> instruction() const { return instruction_; }  // that it looked at last

 private:
  std::string reason_;
  std::optional<std::size_t> instruction_;
};

struct UserMap {
  std::string name;
  std::string kind;  // "hash", "percpu_array", ...
  std::uint32_t type = 0;
  std::uint32_t key_bytes = 0;
  std::uint32_t value_bytes = 0;
  std::uint32_t max_entries = 0;
  bool is_extern = false;  // the map of another program is to stand there
};

enum class ProgramKind { xdp, tc };

// A user's compiled program, for one hook: opened, then loaded.
class UserObject {
 public:
  // `bytes` is the content of the file. Takes its first program of the kind. Throws Error that begins with `name`.
  UserObject(std::string bytes, std::string name, ProgramKind kind);
  ~UserObject();
  UserObject(UserObject&& other) noexcept;
  UserObject& operator=(UserObject&& other) noexcept;

  // Whether an object has a program of the kind.
  static bool has(const std::string& bytes, ProgramKind kind);
  // The names of an object's maps, without those that the loader makes of variables.
  static std::vector<std::string> map_names(const std::string& bytes, const std::string& name);

  const std::string& program() const { return program_name_; }
  const std::string& section() const { return section_; }
  const std::string& bytes() const { return bytes_; }
  // Without those that the loader makes of variables, and those of another program that it is linked with.
  std::vector<UserMap> maps() const;
  // Those that libbpf would pin by their names for all objects (LIBBPF_PIN_BY_NAME), which is not done here.
  const std::vector<std::string>& unpinned_maps() const { return unpinned_maps_; }
  std::string types() const;  // its type information: the content of its section .BTF
  // A constant of 8 bytes; quiet where the program has no such one. Before load().
  void set_constant(const std::string& variable, std::uint64_t value);
  // Another program's map in place of one of this object. Before load().
  void use_map(const std::string& map, int fd);

  // The maps that are the user's, in an object that is linked with another program.
  void set_own_maps(std::vector<std::string> names) { own_maps_ = std::move(names); }
  // The program and its maps are for the card of this port. Before load().
  void bind(const Interface& card);

  // The maps and variables of another object of the same bytes in place of its own, but for the maps named in `own`.
  // Before load().
  void share(const UserObject& other, const std::vector<std::string>& own);

  // Makes the maps and has the kernel verify the program, on a card the driver too. Throws VerifierRefusal or
  // SystemError.
  void load();
  // Once loaded:
  // Puts a second program over the same maps and variables behind libxdp's dispatcher on a port, with the priority
  // that the program itself says unless one is given. Throws like join_dispatcher().
  JoinedProgram join(const Interface& port, Mode mode, std::optional<std::uint32_t> priority) const;
  int program_fd() const;
  int map_fd(const std::string& map) const;
  // Maps of the program that the user's is linked with.
  bool is_linked() const { return own_maps_.has_value(); }
  void each_other_map(const std::function<void(const std::string& name, int fd)>& act) const;
  std::size_t instructions() const;

 private:
  struct Handle;
  bool is_own(const std::string& map) const;
  void make_elements() const;

  std::string bytes_;
  std::string name_;
  std::string program_name_;
  std::string section_;
  std::vector<std::string> unpinned_maps_;
  std::optional<std::vector<std::string>> own_maps_;  // nothing: all
  std::optional<Interface> card_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace nicsentry
