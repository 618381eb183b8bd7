// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/last_readings.h"

#include <bpf/bpf.h>

#include <cerrno>

#include "host/base/error.h"

namespace nicsentry {

UniqueFd LastReadings::make(std::uint32_t key_bytes, std::uint32_t value_bytes, std::uint32_t entries) {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = BPF_F_NO_PREALLOC;
  UniqueFd map(bpf_map_create(BPF_MAP_TYPE_HASH, "nicsentry_last", key_bytes, value_bytes, entries, &options));
  if (!map) {
    throw SystemError(errno, "making the map of last readings");
  }
  return map;
}

std::optional<LastReadings> LastReadings::open(const std::filesystem::path& pin) {
  UniqueFd map(bpf_obj_get(pin.c_str()));
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &length) != 0) {
    return std::nullopt;
  }
  return LastReadings(std::move(map), info.value_size);
}

std::vector<std::byte> LastReadings::get(std::span<const std::byte> key) const {
  std::vector<std::byte> value(value_bytes_);
  if (bpf_map_lookup_elem(map_.get(), key.data(), value.data()) != 0 && errno != ENOENT) {
    throw SystemError(errno, "reading the last reading of a map's entry");
  }
  return value;
}

void LastReadings::set(std::span<const std::byte> key, std::span<const std::byte> value) const {
  if (bpf_map_update_elem(map_.get(), key.data(), value.data(), BPF_ANY) != 0) {
    throw SystemError(errno, "keeping the last reading of a map's entry");
  }
}

}  // namespace nicsentry
