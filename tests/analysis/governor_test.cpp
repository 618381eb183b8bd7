// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/governor.h"

#include <catch2/catch.hpp>

#include "bpf_offload/types.h"

using nicsentry::Load;
using nicsentry::next_share;

TEST_CASE("a busy host asks for half, a lossy ring too") {
  CHECK(next_share(1000, Load{0.9, false, false}) == 500);
  CHECK(next_share(1000, Load{0.0, true, false}) == 500);
}

TEST_CASE("the share never reaches zero and comes back to all when the flood is over") {
  std::uint32_t share = CONFIG_SHARE_ALL;
  for (int i = 0; i < 100; ++i) {
    share = next_share(share, Load{1.0, true, false});
  }
  CHECK(share > 0);
  for (int i = 0; i < 100; ++i) {
    share = next_share(share, Load{0.0, false, false});
  }
  CHECK(share == CONFIG_SHARE_ALL);
}

TEST_CASE("between the bounds the share stays") { CHECK(next_share(1000, Load{0.4, false, false}) == 1000); }

TEST_CASE("with a full table events are worth less processor time") {
  CHECK(next_share(1000, Load{0.2, false, true}) == 500);
  CHECK(next_share(1000, Load{0.2, false, false}) > 1000);
}
