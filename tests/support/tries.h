// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstdlib>

namespace nicsentry::testing {

// Returns how many of a test's random cases to run. NICSENTRY_TRIES in the environment is the percentage, 10 by
// default. With fewer than `least` the test would not cover each kind of case.
template <typename Count>
Count tries(Count all, Count least = 1) {
  const char* text = std::getenv("NICSENTRY_TRIES");
  const auto percent = static_cast<Count>(text != nullptr ? std::atoi(text) : 10);
  return std::max<Count>(least, all * percent / 100);
}

}  // namespace nicsentry::testing
