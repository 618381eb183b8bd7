// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "host/base/timestamp.h"
#include "host/base/wall_clock.h"

namespace nicsentry {

enum class Compression : std::uint8_t { none, gzip, zstd };

// When growing files begin anew, and what is kept of former ones.
struct Retention {
  struct Limits {
    std::optional<std::chrono::nanoseconds> age;
    std::optional<std::uint64_t> bytes;
    bool any() const { return age || bytes; }
  };
  Limits rotate;  // of a growing file
  Limits keep;    // of files that do not grow any more; the bytes are those of all files
  Compression compression = Compression::none;
  std::function<TimestampNs()> clock = wall_clock_ns;

  bool any() const { return rotate.any() || keep.any(); }
};

}  // namespace nicsentry
