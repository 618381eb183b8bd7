// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/timeouts_option.h"

#include <catch2/catch.hpp>

#include "host/base/error.h"

namespace nicsentry::timeouts_option_test {

using namespace std::chrono_literals;

TEST_CASE("timeouts that are not named keep their defaults") {
  const Lifetimes lifetimes = parse_timeouts({"tcp_established=2h", "udp=1.5s"});
  CHECK(lifetimes.tcp_established == 2h);
  CHECK(lifetimes.udp == 1500ms);
  CHECK(lifetimes.udp_stream == 120s);
  CHECK(parse_timeouts({}).tcp_established == 120h);
}

TEST_CASE("timeouts that are wrong are refused with what is allowed") {
  CHECK_THROWS_WITH(parse_timeouts({"udp"}), Catch::Contains("'udp'") && Catch::Contains("NAME=DURATION"));
  CHECK_THROWS_WITH(parse_timeouts({"dccp=1m"}), Catch::Contains("'dccp'") && Catch::Contains("udp_stream, icmp"));
  CHECK_THROWS_WITH(parse_timeouts({"udp=2s", "udp=3s"}), Catch::Contains("'udp'") && Catch::Contains("twice"));
  CHECK_THROWS_WITH(parse_timeouts({"udp=10x"}), Catch::Contains("'10x'"));
  CHECK_THROWS_WITH(parse_timeouts({"udp=999ms"}), Catch::Contains("from 1000ms"));
}

}  // namespace nicsentry::timeouts_option_test
