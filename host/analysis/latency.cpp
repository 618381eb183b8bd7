// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/latency.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace nicsentry {

void LatencyHistogram::add(std::chrono::nanoseconds latency) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::chrono::nanoseconds::rep>(latency.count(), 0));
  ++counts_[class_of(ns)];
  ++count_;
  max_ns_ = std::max(max_ns_, ns);
}

double LatencyHistogram::quantile_us(double fraction) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  std::uint64_t below = 0;
  for (std::size_t index = 0; index < kClasses; ++index) {
    below += counts_[index];
    if (below != 0 && below >= wanted) {
      return to_us(std::min(last_of(index), max_ns_));
    }
  }
  return 0;
}

// Below 2^kClassBits each value has a class. Above, the class is the position of the highest bit and the kClassBits
// bits after it.
std::size_t LatencyHistogram::class_of(std::uint64_t ns) {
  const auto width = static_cast<unsigned>(std::bit_width(ns));
  if (width <= kClassBits) {
    return ns;
  }
  const unsigned shift = width - kClassBits - 1;
  return (std::size_t{shift} << kClassBits) + (ns >> shift);
}

std::uint64_t LatencyHistogram::last_of(std::size_t index) {
  if (index >> kClassBits == 0) {
    return index;
  }
  const std::size_t shift = (index >> kClassBits) - 1;
  const std::uint64_t leading = index - (shift << kClassBits);
  return (leading << shift) + ((std::uint64_t{1} << shift) - 1);
}

}  // namespace nicsentry
