// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <string>

#include "host/base/error.h"
#include "host/ports/port.h"

namespace nicsentry::table_size_test {

TEST_CASE("the card's element budget bounds the sessions, and the error names a number that fits") {
  std::string message;
  try {
    table_size(4'000'000, Mode::hw);
  } catch (const Error& error) {
    message = error.what();
  }
  const auto at = message.find("from 1 to ");
  REQUIRE(at != std::string::npos);
  const auto largest = static_cast<std::uint32_t>(std::stoul(message.substr(at + 10)));
  CHECK(map_elements(table_size(largest, Mode::hw)) <= kCardElements);
  CHECK_THROWS_AS(table_size(largest + 1, Mode::hw), Error);
  CHECK_NOTHROW(table_size(4'000'000, Mode::drv));
  CHECK_THROWS_AS(table_size(0, Mode::drv), Error);
}

}  // namespace nicsentry::table_size_test
