// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/processors.h"

#include <catch2/catch.hpp>

namespace nicsentry::processors_test {

TEST_CASE("a list of processors is read as sysfs writes it; anything else is none") {
  using List = std::vector<int>;
  CHECK(parse_processors("0\n") == List{0});
  CHECK(parse_processors("0-3,5") == List{0, 1, 2, 3, 5});
  CHECK(parse_processors("0,2-3,64-65\n") == List{0, 2, 3, 64, 65});
  for (const char* wrong : {"", "\n", "a", "0-", "0;1", "-1", "0-99999999999"}) {
    CAPTURE(wrong);
    CHECK(parse_processors(wrong).empty());
  }
}

TEST_CASE("the processors that are online have at least the first one among them") {
  CHECK(online_processors().front() == 0);
}

}  // namespace nicsentry::processors_test
