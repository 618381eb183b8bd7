// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nicsentry {

// How many durations were at most as long as each of a few bounds, and their sum. Exact, in memory that does not grow.
class DurationHistogram {
 public:
  // 10 us to 10 s: a card, a disk and a rule's change are each within them.
  static constexpr std::array<std::chrono::nanoseconds, 13> kBounds = {
      std::chrono::microseconds(10),  std::chrono::microseconds(30), std::chrono::microseconds(100),
      std::chrono::microseconds(300), std::chrono::milliseconds(1),  std::chrono::milliseconds(3),
      std::chrono::milliseconds(10),  std::chrono::milliseconds(30), std::chrono::milliseconds(100),
      std::chrono::milliseconds(300), std::chrono::seconds(1),       std::chrono::seconds(3),
      std::chrono::seconds(10)};

  // A negative one, from a step of the clock, counts as 0.
  void add(std::chrono::nanoseconds duration) {
    duration = std::max(duration, std::chrono::nanoseconds::zero());
    const auto* const bound = std::lower_bound(kBounds.begin(), kBounds.end(), duration);
    ++counts_.at(static_cast<std::size_t>(bound - kBounds.begin()));
    sum_ += duration;
    ++count_;
  }

  // That were longer than the bound before, and no longer than this one; the last has those beyond all bounds.
  const std::array<std::uint64_t, kBounds.size() + 1>& counts() const { return counts_; }
  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds sum_{};
};

}  // namespace nicsentry
