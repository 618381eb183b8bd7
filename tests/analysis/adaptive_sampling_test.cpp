// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/adaptive_sampling.h"

#include <catch2/catch.hpp>

#include "bpf_offload/types.h"

using nicsentry::Load;
using nicsentry::next_sampling_rate;

TEST_CASE("a busy host and a full ring both halve the sampling rate") {
  CHECK(next_sampling_rate(1000, Load{0.9, false, false, 0.9}) == 500);
  CHECK(next_sampling_rate(1000, Load{0.0, true, false, 0.0}) == 500);
}

TEST_CASE("the sampling rate never reaches zero and returns to all packets after the flood") {
  std::uint32_t rate = CONFIG_SHARE_ALL;
  for (int i = 0; i < 100; ++i) {
    rate = next_sampling_rate(rate, Load{1.0, true, false, 1.0});
  }
  CHECK(rate > 0);
  for (int i = 0; i < 100; ++i) {
    rate = next_sampling_rate(rate, Load{0.0, false, false, 0.0});
  }
  CHECK(rate == CONFIG_SHARE_ALL);
}

TEST_CASE("between the bounds the sampling rate stays") {
  CHECK(next_sampling_rate(1000, Load{0.4, false, false, 0.4}) == 1000);
}

TEST_CASE("with a full table the sampling rate falls at a lower load") {
  CHECK(next_sampling_rate(1000, Load{0.2, false, true, 0.2}) == 500);
  CHECK(next_sampling_rate(1000, Load{0.2, false, false, 0.2}) > 1000);
}

TEST_CASE("a flood on one attachment lowers no other one's sampling rate") {
  CHECK(next_sampling_rate(1000, Load{0.6, false, false, 0.65, 2}) == 500);
  CHECK(next_sampling_rate(1000, Load{0.05, false, false, 0.65, 2}) == 1500);
  CHECK(next_sampling_rate(1000, Load{0.2, false, false, 0.65, 2}) == 1000);
  CHECK(next_sampling_rate(1000, Load{0.05, true, false, 0.65, 2}) == 500);
}

TEST_CASE("attachments that are busy together are slowed down together") {
  CHECK(next_sampling_rate(1000, Load{0.3, false, false, 0.6, 2}) == 500);
  CHECK(next_sampling_rate(1000, Load{0.2, false, false, 0.4, 2}) == 1000);
  CHECK(next_sampling_rate(1000, Load{0.1, false, false, 0.2, 2}) == 1500);
}
