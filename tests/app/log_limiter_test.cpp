// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/log_limiter.h"

#include <catch2/catch.hpp>
#include <cstdint>

namespace nicsentry::log_limiter_test {
namespace {

constexpr TimestampNs kSecond = 1'000'000'000;
constexpr TimestampNs kStart = 1'700'000'000 * kSecond;

// So many records, evenly over the time. Returns how many were let through.
std::uint64_t pass(LogLimiter& limiter, TimestampNs from, TimestampNs time, std::uint64_t records) {
  std::uint64_t passed = 0;
  for (std::uint64_t i = 0; i < records; ++i) {
    passed += limiter.take(from + static_cast<TimestampNs>(i) * time / static_cast<TimestampNs>(records)) ? 1 : 0;
  }
  return passed;
}

}  // namespace

TEST_CASE("the log lets a second's worth through at once, then as much as comes in; the rest is counted") {
  LogLimiter limiter(100);
  CHECK(pass(limiter, kStart, 1, 250) == 100);
  CHECK(limiter.take_left_out() == 150);
  CHECK(limiter.take_left_out() == 0);
  const std::uint64_t passed = pass(limiter, kStart + 1, 10 * kSecond, 100'000);
  CHECK(passed >= 990);
  CHECK(passed <= 1000);
  CHECK(limiter.take_left_out() == 100'000 - passed);
  CHECK(pass(limiter, kStart + 100 * kSecond, 1, 250) == 100);  // silence saves up no more than a second's worth
}

TEST_CASE("a rate below the limit loses nothing, and neither does one without a limit") {
  LogLimiter limiter(100);
  CHECK(pass(limiter, kStart, 20 * kSecond, 1900) == 1900);
  LogLimiter all(0);
  CHECK(pass(all, kStart, 1, 100'000) == 100'000);
  CHECK(all.take_left_out() == 0);
}

TEST_CASE("a time that goes back gives no room, and takes none") {
  LogLimiter limiter(10);
  CHECK(pass(limiter, kStart, 1, 20) == 10);
  CHECK_FALSE(limiter.take(kStart - 50 * kSecond));
  CHECK_FALSE(limiter.take(kStart));
  CHECK(limiter.take(kStart + kSecond / 2));
}

}  // namespace nicsentry::log_limiter_test
