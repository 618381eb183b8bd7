// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "host/base/unique_fd.h"
#include "host/datapath/program_catalog.h"

namespace nicsentry {

// A program in the kernel and its maps, as the kernel describes them. For files of this folder.
struct LoadedProgram {
  struct Map {
    std::string name;
    MapLayout layout;  // without a name
    std::uint32_t entries = 0;
    UniqueFd fd;
  };

  UniqueFd fd;
  std::uint32_t id = 0;
  std::string name;
  std::vector<std::uint8_t> tag;  // a hash of the instructions as they were loaded
  std::vector<Map> maps;
};

// All throw SystemError. Opening by id takes CAP_SYS_ADMIN, for a program that is not pinned (pins.h).
LoadedProgram open_program(std::uint32_t id);
LoadedProgram::Map describe_map(UniqueFd fd, const std::string& program);
// Its id and tag without its maps.
LoadedProgram describe_loaded(UniqueFd fd);

// Empty where it cannot be read.
std::set<std::uint32_t> map_ids_of(int program);

Identity identify(const LoadedProgram& program);

// Null where it has none of the name that this build has for the role.
const LoadedProgram::Map* find_map(const LoadedProgram& program, MapRole role);

// Moves the maps out of a program of this ABI.
MapFds take_maps(LoadedProgram& program, const ProgramSpec& spec);

// Whether it enforces rules, whatever its ABI: the first word of `fw_control` has had the same meaning since ABI 1.
bool enforces(const LoadedProgram& program);

}  // namespace nicsentry
