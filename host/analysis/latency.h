// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nicsentry {

// A histogram of durations in memory that does not grow. Each doubling has sixteen classes, so that a quantile is at
// most a sixteenth too high.
class LatencyHistogram {
 public:
  void add(std::chrono::nanoseconds latency);  // a negative one, from a step of the clock, counts as 0

  std::uint64_t count() const { return count_; }
  // Returns the least bound that this fraction (0..1) of the latencies does not exceed; 0 if there are none.
  double quantile_us(double fraction) const;
  double max_us() const { return to_us(max_ns_); }

 private:
  static constexpr unsigned kClassBits = 4;
  static constexpr std::size_t kClasses = std::size_t{64 - kClassBits + 1} << kClassBits;

  static std::size_t class_of(std::uint64_t ns);
  static std::uint64_t last_of(std::size_t index);
  static double to_us(std::uint64_t ns) { return static_cast<double>(ns) / 1000; }

  std::array<std::uint64_t, kClasses> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ns_ = 0;
};

}  // namespace nicsentry
