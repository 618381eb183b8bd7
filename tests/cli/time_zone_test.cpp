// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/time_zone.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/output_files.h"

namespace nicsentry::time_zone_test {

TEST_CASE("a time zone is a file of the zones, or a rule; any other name is none") {
  const test::TemporaryDirectory zones;
  std::filesystem::create_directory(zones.path() / "Europe");
  std::ofstream(zones.path() / "Europe" / "Berlin") << "TZif2";
  for (const char* tz : {"", ":", "UTC", "GMT", "Europe/Berlin", ":Europe/Berlin", "CET-1CEST", "XST-5:30", "EST5EDT",
                         "<+0330>-3:30", "<-03>3"}) {
    CAPTURE(tz);
    CHECK(is_time_zone(tz, zones.path()));
  }
  CHECK(is_time_zone((zones.path() / "Europe" / "Berlin").string(), "/none"));
  for (const char* tz : {"Europe/Berlni", "Europe", "CEST", "X5", "MEZ-", "<+03", "<+03>", "/none/Berlin"}) {
    CAPTURE(tz);
    CHECK_FALSE(is_time_zone(tz, zones.path()));
  }
}

}  // namespace nicsentry::time_zone_test
