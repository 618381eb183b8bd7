// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <bpf/bpf.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <type_traits>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/datapath/program_catalog.h"

namespace nicsentry {

// One element of an array at a time; errors name the map. Only for files of this folder.

// The number of a map's elements.
inline std::uint32_t entries_of(const UniqueFd& map, MapRole role) {
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(map.get(), &info, &length) != 0) {
    throw SystemError(errno, std::string("reading the size of map ") + map_name(role));
  }
  return info.max_entries;
}

// Throws Error for a map with fewer elements than this build uses.
inline void require_entries(const UniqueFd& map, MapRole role, std::uint32_t least) {
  const std::uint32_t entries = entries_of(map, role);
  if (entries < least) {
    throw Error(std::string("map ") + map_name(role) + " has " + std::to_string(entries) + " entries, not " +
                std::to_string(least));
  }
}

template <typename Value>
Value read_element(const UniqueFd& map, MapRole role, std::uint32_t index) {
  static_assert(std::is_trivially_copyable_v<Value>);
  Value value{};
  // ENOENT: on the card, an element that nobody has written yet.
  if (bpf_map_lookup_elem(map.get(), &index, &value) != 0 && errno != ENOENT) {
    throw SystemError(errno, "reading entry " + std::to_string(index) + " of map " + map_name(role));
  }
  return value;
}

template <typename Value>
void write_element(const UniqueFd& map, MapRole role, std::uint32_t index, const Value& value) {
  if (bpf_map_update_elem(map.get(), &index, &value, BPF_ANY) != 0) {
    throw SystemError(errno, "writing entry " + std::to_string(index) + " of map " + map_name(role));
  }
}

// Whether an element is there: on the card one may be missing that the host has never written.
inline bool element_exists(const UniqueFd& map, std::uint32_t index, void* value) {
  return bpf_map_lookup_elem(map.get(), &index, value) == 0 || errno != ENOENT;
}

// Only where it is missing: one that is there may be added to at any time.
template <typename Value>
void make_element(const UniqueFd& map, MapRole role, std::uint32_t index) {
  Value value{};
  if (!element_exists(map, index, &value)) {
    write_element(map, role, index, Value{});
  }
}

}  // namespace nicsentry
