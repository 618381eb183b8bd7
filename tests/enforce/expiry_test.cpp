// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/enforce/expiry.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <limits>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace nicsentry::expiry_test {
namespace {

constexpr TimestampNs kNone = std::numeric_limits<TimestampNs>::max();

// Something that ends at `end`, a clock that the test sets, and what became of them.
struct Things {
  std::atomic<TimestampNs> now{0};
  std::atomic<TimestampNs> end{kNone};
  std::atomic<int> tries{0};
  std::function<void()> fail;
  std::mutex mutex;
  std::vector<std::string> warnings;

  Expiry::Work work() {
    return {[this] { return now.load(); },
            [this] { return end == kNone ? std::nullopt : std::optional<TimestampNs>(end); },
            [this](TimestampNs until) {
              ++tries;
              if (fail) {
                fail();
              }
              if (end <= until) {
                end = kNone;
              }
            },
            [this](const std::string& text) {
              const std::lock_guard lock(mutex);
              warnings.push_back(text);
            }};
  }
  std::size_t warned() {
    const std::lock_guard lock(mutex);
    return warnings.size();
  }
};

bool becomes(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

}  // namespace

TEST_CASE("what has ended by the clock is removed, what has not stays") {
  Things things;
  things.end = 3'600'000'000'000;
  Expiry expiry(things.work());
  things.now = 3'599'000'000'000;
  expiry.wake();
  things.now = 3'600'000'000'000;
  expiry.wake();
  CHECK(becomes([&] { return things.end == kNone; }));
  CHECK(things.tries == 1);
  things.end = things.now + 1;
  expiry.wake();
  ++things.now;
  expiry.wake();
  CHECK(becomes([&] { return things.end == kNone; }));
  CHECK(things.warned() == 0);
}

TEST_CASE("a clock that is set forward is noticed without a call") {
  Things things;
  things.end = 3'600'000'000'000;
  Expiry expiry(things.work());
  things.now = 3'600'000'000'000;
  CHECK(becomes([&] { return things.end == kNone; }));
}

TEST_CASE("a failure to remove, whatever is thrown, is warned of once and tried again") {
  Things things;
  std::atomic<bool> failing = true;
  SECTION("an exception of the standard library") {
    things.fail = [&failing] {
      if (failing) {
        throw std::bad_alloc();
      }
    };
  }
  SECTION("something that is no exception") {
    things.fail = [&failing] {
      if (failing) {
        throw 42;
      }
    };
  }
  things.end = 1;
  things.now = 1;
  Expiry expiry(things.work());
  const auto try_again = [&] {
    const int before = things.tries;
    return becomes([&] {
      expiry.wake();
      return things.tries > before;
    });
  };
  REQUIRE(becomes([&] { return things.tries != 0; }));
  REQUIRE(try_again());
  REQUIRE(try_again());
  failing = false;
  CHECK(becomes([&] {
    expiry.wake();
    return things.end == kNone;
  }));
  REQUIRE(things.warned() == 1);
  CHECK_THAT(
      things.warnings[0],
      Catch::StartsWith("could not do what was due (rules or entries that ended, an unconfirmed change); retrying: "));
}

}  // namespace nicsentry::expiry_test
