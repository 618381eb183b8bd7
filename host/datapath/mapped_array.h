// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>

#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/datapath/map_elements.h"

namespace nicsentry {

// The maps in which a program counts beside sessions.
inline constexpr std::array kCounted = {MapRole::totals, MapRole::rule_counters};

// Before a map is made. Throws SystemError.
inline void make_mappable(bpf_map* map, MapRole role) {
  const int result = map == nullptr ? -ENOENT : bpf_map__set_map_flags(map, bpf_map__map_flags(map) | BPF_F_MMAPABLE);
  if (result != 0) {
    throw SystemError(-result, std::string("preparing map ") + map_name(role) + " for reading in memory");
  }
}

// Reads the elements of an array with BPF_F_MMAPABLE, without a system call for each. Only for files of this folder.
template <typename Value>
class MappedArray {
 public:
  static_assert(std::is_trivially_copyable_v<Value> && sizeof(Value) % sizeof(std::uint64_t) == 0,
                "the kernel rounds an element up to 8 bytes");

  // Throws SystemError that names the map.
  MappedArray(const UniqueFd& map, MapRole role) : entries_(entries_of(map, role)) {
    const std::size_t bytes = entries_ * sizeof(Value);
    void* mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, map.get(), 0);
    if (mapped == MAP_FAILED) {
      throw SystemError(errno, std::string("mapping map ") + map_name(role) + " into memory");
    }
    values_ = {static_cast<Value*>(mapped), Unmap{bytes}};
  }

  Value read(std::uint32_t index) const {
    if (index >= entries_) {
      throw Error("an array of " + std::to_string(entries_) + " elements has no element " + std::to_string(index));
    }
    return values_.get()[index];
  }

 private:
  struct Unmap {
    std::size_t bytes = 0;
    void operator()(Value* values) const { munmap(values, bytes); }
  };

  std::uint32_t entries_;
  std::unique_ptr<Value, Unmap> values_;
};

}  // namespace nicsentry
