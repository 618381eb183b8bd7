// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/loaded_program.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "host/base/capabilities.h"
#include "host/base/error.h"
#include "host/datapath/pins.h"

namespace nicsentry {
namespace {

bpf_prog_info read_info(int fd, std::vector<__u32>& map_ids) {
  bpf_prog_info info{};
  info.nr_map_ids = static_cast<__u32>(map_ids.size());
  info.map_ids = reinterpret_cast<__u64>(map_ids.data());
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) {
    throw SystemError(errno, "reading a program's description");
  }
  return info;
}

// Without a pin it takes the right to open any program.
std::string missing_for_ids() {
  const std::string missing = missing_text({Capability::sys_admin});
  return missing.empty() ? missing : missing + ": nicsentry has not pinned it";
}

LoadedProgram describe(UniqueFd fd, std::vector<__u32>& map_ids) {
  const bpf_prog_info info = read_info(fd.get(), map_ids);
  return {std::move(fd), info.id, info.name, {std::begin(info.tag), std::end(info.tag)}, {}};
}

}  // namespace

LoadedProgram::Map describe_map(UniqueFd fd, const std::string& program) {
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) {
    throw SystemError(errno, "opening a map of program '" + program + "'");
  }
  return {info.name, {{}, info.type, info.key_size, info.value_size}, info.max_entries, std::move(fd)};
}

LoadedProgram describe_loaded(UniqueFd fd) {
  std::vector<__u32> no_maps;
  return describe(std::move(fd), no_maps);
}

std::set<std::uint32_t> map_ids_of(int program) {
  bpf_prog_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(program, &info, &length) != 0) {
    return {};
  }
  std::vector<__u32> ids(info.nr_map_ids);
  info = {};
  info.nr_map_ids = static_cast<__u32>(ids.size());
  info.map_ids = reinterpret_cast<__u64>(ids.data());
  length = sizeof(info);
  return bpf_obj_get_info_by_fd(program, &info, &length) == 0 ? std::set<std::uint32_t>(ids.begin(), ids.end())
                                                              : std::set<std::uint32_t>();
}

LoadedProgram open_program(std::uint32_t id) {
  UniqueFd fd(bpf_prog_get_fd_by_id(id));
  if (!fd) {
    const int code = errno;
    if (code == EPERM) {
      if (auto pinned = open_pinned_program(id)) {
        return std::move(*pinned);
      }
    }
    throw SystemError(code, "opening program " + std::to_string(id), code == EPERM ? missing_for_ids() : "");
  }
  std::vector<__u32> none;
  std::vector<__u32> map_ids(read_info(fd.get(), none).nr_map_ids);
  LoadedProgram program = describe(std::move(fd), map_ids);
  for (const __u32 map : map_ids) {
    program.maps.push_back(describe_map(UniqueFd(bpf_map_get_fd_by_id(map)), program.name));
  }
  return program;
}

Identity identify(const LoadedProgram& program) {
  std::vector<MapLayout> layouts;
  for (const LoadedProgram::Map& map : program.maps) {
    layouts.push_back(map.layout);
    layouts.back().name = map.name;
  }
  return identify(program.name, layouts);
}

const LoadedProgram::Map* find_map(const LoadedProgram& program, MapRole role) {
  const auto found = std::find_if(program.maps.begin(), program.maps.end(),
                                  [role](const LoadedProgram::Map& map) { return map.name == map_name(role); });
  return found != program.maps.end() ? &*found : nullptr;
}

MapFds take_maps(LoadedProgram& program, const ProgramSpec& spec) {
  MapFds fds;
  for (const MapSpec& wanted : spec.maps) {
    for (LoadedProgram::Map& map : program.maps) {
      if (map.name == wanted.layout.name) {
        fds[wanted.role] = std::move(map.fd);
      }
    }
  }
  return fds;
}

bool enforces(const LoadedProgram& program) {
  const LoadedProgram::Map* control = find_map(program, MapRole::firewall_control);
  if (control == nullptr || control->layout.value_size < sizeof(std::uint32_t)) {
    return false;
  }
  std::vector<std::uint8_t> value(control->layout.value_size);
  const std::uint32_t index = 0;
  std::uint32_t config = 0;
  if (bpf_map_lookup_elem(control->fd.get(), &index, value.data()) != 0) {
    return false;
  }
  std::memcpy(&config, value.data(), sizeof(config));
  return (config & FIREWALL_ON) != 0;
}

}  // namespace nicsentry
