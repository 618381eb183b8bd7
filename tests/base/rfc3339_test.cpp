// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/rfc3339.h"

#include <catch2/catch.hpp>
#include <limits>

using nicsentry::rfc3339;

TEST_CASE("a time has nine digits of a second, in UTC") {
  CHECK(rfc3339(0) == "1970-01-01T00:00:00.000000000Z");
  CHECK(rfc3339(1'777'636'801'001'000'042) == "2026-05-01T12:00:01.001000042Z");
  CHECK(rfc3339(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(rfc3339(std::numeric_limits<std::int64_t>::max()) == "2262-04-11T23:47:16.854775807Z");
}
