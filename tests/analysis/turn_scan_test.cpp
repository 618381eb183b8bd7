// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/turn_scan.h"

#include <catch2/catch.hpp>

namespace nicsentry::turn_scan_test {

using namespace std::chrono_literals;

TEST_CASE("silent sessions are read as far as there is time, both halves of each") {
  CHECK(silent_in_turn(100, 1000, 10us, 1s) == 1000);
  CHECK(silent_in_turn(100, 1000, 1ms, 1s) == 450);
  CHECK(silent_in_turn(0, 1000, 1ms, 100ms) == 50);
  CHECK(silent_in_turn(100, 0, 1ms, 1s) == 0);
}

TEST_CASE("at least a 64th of the silent sessions is read in each window") {
  CHECK(silent_in_turn(5000, 1000, 1ms, 1s) == 16);
  CHECK(silent_in_turn(5000, 1, 1ms, 1s) == 1);
}

TEST_CASE("all are read without a limit, and while it is not known what reading costs") {
  CHECK(silent_in_turn(5000, 1000, 1ms, 0s) == 1000);
  CHECK(silent_in_turn(5000, 1000, 0s, 1s) == 1000);
}

}  // namespace nicsentry::turn_scan_test
