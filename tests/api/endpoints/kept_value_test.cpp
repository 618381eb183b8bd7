// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/kept_value.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <memory>

namespace nicsentry::kept_value_test {

using namespace std::chrono_literals;

// Says when it is dropped.
struct Told {
  explicit Told(int number_of_it) : number(number_of_it) {}
  ~Told() { dropped.set_value(); }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;

  int number;
  std::promise<void> dropped;
};

TEST_CASE("a kept value is dropped when its time is over, though nobody asks for it") {
  KeptValue<Told> kept;
  for (int number = 0; number < 2; ++number) {
    auto value = std::make_unique<Told>(number);
    auto dropped = value->dropped.get_future();
    kept.keep(std::move(value), 0ms);
    dropped.wait();
    CHECK(kept.take() == nullptr);
  }
}

TEST_CASE("a kept value is returned within its time, once; another takes its place") {
  KeptValue<Told> kept;
  CHECK(kept.take() == nullptr);
  kept.keep(std::make_unique<Told>(1), 24h);
  const auto taken = kept.take();
  REQUIRE(taken != nullptr);
  CHECK(taken->number == 1);
  CHECK(kept.take() == nullptr);
  kept.keep(std::make_unique<Told>(2), 24h);
  kept.keep(std::make_unique<Told>(3), std::nullopt);
  const auto last = kept.take();
  REQUIRE(last != nullptr);
  CHECK(last->number == 3);
  kept.keep(std::make_unique<Told>(4), 24h);  // nobody waits for that at the end
}

}  // namespace nicsentry::kept_value_test
