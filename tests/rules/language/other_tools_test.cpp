// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/rules/language/other_tools.h"

#include <array>
#include <catch2/catch.hpp>

namespace nicsentry::other_tools_test {

TEST_CASE("values that other tools name otherwise are answered with ours, where ours are allowed") {
  constexpr std::array kModes = {"auto", "hw", "drv", "skb", "tc"};
  constexpr std::array kKeys = {"src", "dst", "dport", "proto"};
  constexpr std::array kActions = {"drop", "accept"};
  CHECK(value_hint("xdp", kModes) == "; did you mean 'drv' or 'skb'?");
  CHECK(value_hint("native", kModes) == "; did you mean 'drv'?");
  CHECK(value_hint("Generic", kModes) == "; did you mean 'skb'?");
  CHECK(value_hint("offload", kModes) == "; did you mean 'hw'?");
  CHECK(value_hint("port", kKeys) == "; did you mean 'dport'?");
  CHECK(value_hint("destination", kKeys) == "; did you mean 'dst'?");
  CHECK(value_hint("DENY", kActions) == "; did you mean 'drop'?");
  CHECK(value_hint("port", kActions).empty());
  CHECK(value_hint("xdp", kActions).empty());
}

}  // namespace nicsentry::other_tools_test
