// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/packet_sampler.h"

#include <catch2/catch.hpp>
#include <vector>

namespace nicsentry::packet_sampler_test {
namespace {

Rule rule(std::uint32_t counter, std::uint32_t every) {
  Rule made;
  made.counter = counter;
  made.log_every = every;
  return made;
}

// Which of so many packets are taken, from 0.
std::vector<int> taken(PacketSampler& sampler, const Rule& rule, int packets) {
  std::vector<int> chosen;
  for (int i = 0; i < packets; ++i) {
    if (sampler.take(rule)) chosen.push_back(i);
  }
  return chosen;
}

}  // namespace

TEST_CASE("the first packet of a rule is taken, then one of every so many, across batches") {
  PacketSampler sampler;
  CHECK(taken(sampler, rule(16, 4), 10) == std::vector<int>{0, 4, 8});
  CHECK(taken(sampler, rule(16, 4), 10) == std::vector<int>{2, 6});
}

TEST_CASE("rules are sampled each by itself, and a rule that does not sample has all its packets taken") {
  PacketSampler sampler;
  CHECK(taken(sampler, rule(16, 3), 2) == std::vector<int>{0});
  CHECK(taken(sampler, rule(17, 3), 4) == std::vector<int>{0, 3});
  CHECK(taken(sampler, rule(16, 3), 3) == std::vector<int>{1});
  CHECK(taken(sampler, rule(18, 1), 3) == std::vector<int>{0, 1, 2});
  Rule log = rule(19, 0);
  log.action = RuleAction::log;
  CHECK(taken(sampler, log, 2) == std::vector<int>{0, 1});
}

}  // namespace nicsentry::packet_sampler_test
