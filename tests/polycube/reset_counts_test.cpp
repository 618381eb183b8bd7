// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/polycube/reset_counts.h"

#include <catch2/catch.hpp>

using namespace nicsentry;
using namespace nicsentry::polycube;

namespace {

// A chain whose rules have these counters; each has counted its id times so many packets of 10 bytes.
Enforcement::ChainView view_of(const std::vector<std::uint32_t>& counters, std::uint64_t times) {
  Enforcement::ChainView view;
  for (const std::uint32_t id : counters) {
    view.chain.rules.emplace_back();
    view.chain.rules.back().counter = id;
    view.counts.push_back({id * times, id * times * 10});
  }
  view.by_default = {1000 * times, 10000 * times};
  return view;
}

}  // namespace

TEST_CASE("counters count from their reset on, by the rule and not by its place", "[polycube]") {
  ResetCounts counts;
  CHECK(counts.of_rule(view_of({7, 8}, 1), 1).packets == 8);
  counts.reset(view_of({7, 8}, 1));
  CHECK(counts.of_rule(view_of({7, 8}, 1), 1).packets == 0);
  const auto later = view_of({9, 8, 7}, 3);  // a rule was inserted before them
  CHECK(counts.of_rule(later, 0).packets == 27);
  CHECK(counts.of_rule(later, 1).packets == 16);
  CHECK(counts.of_rule(later, 2).packets == 14);
  CHECK(counts.of_rule(later, 2).bytes == 140);
  CHECK(counts.of_default(later).packets == 2000);
}

TEST_CASE("a counter that began anew counts from 0", "[polycube]") {
  ResetCounts counts;
  counts.reset(view_of({7}, 5));
  CHECK(counts.of_rule(view_of({7}, 1), 0).packets == 7);
  CHECK(counts.of_default(view_of({7}, 1)).bytes == 10000);
}
