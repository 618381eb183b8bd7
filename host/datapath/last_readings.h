// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "host/base/unique_fd.h"

namespace nicsentry {

// The values of a card's map when it was last read, by key: the host never writes a word that the card adds to, so that
// what a read takes is the difference. A map of the host, pinned beside the load.
class LastReadings {
 public:
  // Throws SystemError.
  static UniqueFd make(std::uint32_t key_bytes, std::uint32_t value_bytes, std::uint32_t entries);
  // Nothing where none is pinned.
  static std::optional<LastReadings> open(const std::filesystem::path& pin);

  // Zeros where the key has never been read. Throws SystemError.
  std::vector<std::byte> get(std::span<const std::byte> key) const;
  void set(std::span<const std::byte> key, std::span<const std::byte> value) const;

 private:
  LastReadings(UniqueFd map, std::uint32_t value_bytes) : map_(std::move(map)), value_bytes_(value_bytes) {}
  UniqueFd map_;
  std::uint32_t value_bytes_;
};

}  // namespace nicsentry
