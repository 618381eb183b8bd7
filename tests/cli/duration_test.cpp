// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/duration.h"

#include <catch2/catch.hpp>

#include "host/base/error.h"

using namespace std::chrono_literals;
using nicsentry::parse_duration;

TEST_CASE("a duration has a unit or is a decimal number of seconds") {
  CHECK(parse_duration("10s", 1ms) == 10s);
  CHECK(parse_duration("50ms", 1ms) == 50ms);
  CHECK(parse_duration("0.01", 1ms) == 10ms);
  CHECK(parse_duration("1.5m", 1ms) == 90s);
  CHECK(parse_duration("2h", 1ms) == 2h);
  CHECK(parse_duration("5d", 1ms) == 120h);
  CHECK(parse_duration("1h30m", 1ms) == 90min);
  CHECK(parse_duration("250us", 1us) == 250us);
}

TEST_CASE("what is no duration is refused with what it was") {
  for (const char* bad : {"", "s", "-1s", "0", "10x", "1 s", "nan", "inf", "1e999", "0.5ms", "10000d", "1h30", "1 h"}) {
    CHECK_THROWS_AS(parse_duration(bad, 1ms), nicsentry::Error);
  }
  CHECK_THROWS_WITH(
      parse_duration("10x", 1ms),
      "duration '10x': allowed is a duration (\"90s\", \"10m\", \"1h30m\", \"7d\") or a number of seconds");
  CHECK_THROWS_WITH(parse_duration("5ms", 10ms), "duration '5ms': allowed is from 10ms to a year");
}
