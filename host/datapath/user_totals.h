// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/base/unique_fd.h"

namespace nicsentry {

// Sums of what reads took out of a map: numbers by the map's keys, in a hash map that is pinned with the load. Errors
// are SystemErrors. Whoever writes has the lock of the name's readers (UserPins).
class UserTotals {
 public:
  struct Shape {
    std::string name;  // of the pin
    std::uint32_t key_bytes = 0;
    std::uint32_t numbers = 0;
  };

  static UniqueFd make(const Shape& shape);
  // Nothing where none is pinned.
  static std::optional<UserTotals> open(const std::filesystem::path& pin);

  std::size_t numbers() const { return numbers_; }
  // False where there is no room for another key.
  bool add(std::span<const std::byte> key, std::span<const std::uint64_t> numbers) const;

  struct Content {
    std::uint32_t key_bytes = 0;
    std::vector<std::byte> keys;
    std::vector<std::uint64_t> numbers;  // of each key in turn
  };
  Content read() const;

 private:
  UserTotals(UniqueFd map, std::uint32_t numbers) : map_(std::move(map)), numbers_(numbers) {}
  UniqueFd map_;
  std::uint32_t numbers_ = 0;
};

// About the reads of one metric since its load.
struct ReadStatistics {
  std::uint64_t reads = 0;
  std::uint64_t errors = 0;
  std::uint64_t entries = 0;      // that reads took
  std::uint64_t left_out = 0;     // of them, without room in the totals
  std::uint64_t nanoseconds = 0;  // that reads took
};

// Those of a path's metrics, by their place.
class ReadStatisticsMap {
 public:
  static UniqueFd make(std::size_t metrics);
  static std::optional<ReadStatisticsMap> open(const std::filesystem::path& pin);
  ReadStatistics get(std::uint32_t metric) const;
  void set(std::uint32_t metric, const ReadStatistics& statistics) const;

 private:
  explicit ReadStatisticsMap(UniqueFd map) : map_(std::move(map)) {}
  UniqueFd map_;
};

}  // namespace nicsentry
