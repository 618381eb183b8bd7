// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "host/base/timestamp.h"

namespace nicsentry {

// The clock by which rules and entries end: the time since boot (CLOCK_BOOTTIME), counted on from the wall clock's
// value at the first start. To set the wall clock shortens and prolongs no lifetime. Any thread may call.
class LifetimeClock {
 public:
  struct Sources {
    std::function<TimestampNs()> since_boot;
    std::function<TimestampNs()> wall;
    std::string boot_id;
  };
  // CLOCK_BOOTTIME, CLOCK_REALTIME and the kernel's boot_id.
  static Sources kernel();

  // `file`: keeps the clock for later runs, also behind a reboot, over which the wall clock counts. Without one the
  // clock begins with the run. Throws Error for a malformed file.
  explicit LifetimeClock(std::optional<std::filesystem::path> file,
                         std::function<void(const std::string&)> warning = {}, Sources sources = kernel());

  // Notes in the file that the wall clock was set. Where that fails, it warns, and a later call notes it.
  TimestampNs now();

 private:
  void load();
  void save(TimestampNs ahead_ns);

  std::optional<std::filesystem::path> file_;
  std::function<void(const std::string&)> warning_;
  Sources sources_;
  bool failing_ = false;
  std::mutex mutex_;
  TimestampNs offset_ns_ = 0;               // from the time since boot to this clock
  std::optional<TimestampNs> saved_ahead_;  // of this clock the wall clock, as the file has it
};

}  // namespace nicsentry
