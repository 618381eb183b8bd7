// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nicsentry {

// How long something took, many times over, in memory that does not grow: sixteen classes to each doubling, so that a
// quantile is at most a sixteenth too high.
class LatencyHistogram {
 public:
  void add(std::chrono::nanoseconds latency);  // a negative one, after a step of the clock, counts as 0

  std::uint64_t count() const { return count_; }
  // The least bound that this share of the latencies (0..1) kept to; 0 where there are none.
  double quantile_us(double share) const;
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
