// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/latency.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <vector>

namespace nicsentry::latency_test {
using std::chrono::nanoseconds;

TEST_CASE("an empty histogram has quantiles of 0") {
  const LatencyHistogram none;
  CHECK(none.count() == 0);
  CHECK(none.quantile_us(0.5) == 0);
  CHECK(none.max_us() == 0);
}

TEST_CASE("every quantile of a single latency is that latency, exactly") {
  for (const std::int64_t ns :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{15}, std::int64_t{16}, std::int64_t{31}, std::int64_t{32},
        std::int64_t{123'456'789}, std::numeric_limits<std::int64_t>::max()}) {
    CAPTURE(ns);
    LatencyHistogram one;
    one.add(nanoseconds(ns));
    CHECK(one.quantile_us(0.01) == static_cast<double>(ns) / 1000);
    CHECK(one.quantile_us(1) == static_cast<double>(ns) / 1000);
    CHECK(one.max_us() == static_cast<double>(ns) / 1000);
  }
}

TEST_CASE("a negative latency, from a step of the clock, counts as 0") {
  LatencyHistogram histogram;
  histogram.add(nanoseconds(-5));
  CHECK(histogram.count() == 1);
  CHECK(histogram.max_us() == 0);
}

TEST_CASE("quantiles are at most a sixteenth above those of the sorted latencies, and never below") {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> latency(10, 3);
  LatencyHistogram histogram;
  std::vector<double> sorted;
  for (int i = 0; i < 10'000; ++i) {
    const auto ns = static_cast<std::int64_t>(latency(random));
    histogram.add(nanoseconds(ns));
    sorted.push_back(static_cast<double>(ns) / 1000);
  }
  std::sort(sorted.begin(), sorted.end());
  CHECK(histogram.count() == 10'000);
  CHECK(histogram.max_us() == sorted.back());
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    CAPTURE(share);
    const double exact = sorted[static_cast<std::size_t>(std::ceil(share * 10'000)) - 1];
    CHECK(histogram.quantile_us(share) >= exact);
    CHECK(histogram.quantile_us(share) <= exact * 17 / 16);
  }
}

}  // namespace nicsentry::latency_test
