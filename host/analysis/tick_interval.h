// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <chrono>

namespace nicsentry {

// Returns the time between two ticks: a tenth of a window, at most a second, at least 10 ms.
constexpr std::chrono::nanoseconds tick_interval(std::chrono::nanoseconds window) {
  using namespace std::chrono_literals;
  return std::clamp<std::chrono::nanoseconds>(window / 10, 10ms, 1s);
}

}  // namespace nicsentry
