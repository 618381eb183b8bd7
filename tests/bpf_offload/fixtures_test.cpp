// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/bpf_offload/fixtures.h"

namespace nicsentry::testing {
namespace {

constexpr std::uint32_t kCounter = 7;

// Every frame in the same situation, in every object.
void check_table(const Situation& situation) {
  for (const ObjectName& object : kObjects) {
    Bench& bench = Bench::shared(object);
    for (const Fixture& fixture : fixtures()) {
      if (!bench.takes(fixture.frame)) continue;
      INFO(object.text() << ": " << fixture.why);
      CHECK(bench.differences(fixture.frame, fixture.reading_of(object), situation) == "");
    }
  }
}

TEST_CASE("a packet of an unknown session counts on its shard and is sent, any other on its cause") {
  check_table({.epoch = 1});
  check_table({.epoch = 2});
}

TEST_CASE("a share of 0 sends no event, of known sessions neither") {
  check_table({.epoch = 1, .share = 0});
  check_table({.epoch = 4, .share = 0, .counter = kCounter});
}

TEST_CASE("a packet of a known session counts on its session, in the half in use, and is sent") {
  check_table({.epoch = 3, .counter = kCounter});
  check_table({.epoch = 4, .counter = kCounter});
}

TEST_CASE("a session that is muted for this window sends nothing") {
  check_table({.epoch = 5, .counter = kCounter, .muted_epoch = 5});
}

TEST_CASE("a session that was muted for another window sends") {
  check_table({.epoch = 6, .counter = kCounter, .muted_epoch = 5});
}

TEST_CASE("known sessions send nothing when they are not captured") {
  check_table({.epoch = 7, .capture_known = false, .counter = kCounter});
}

TEST_CASE("a session is found in each place where it may stand") {
  for (const bool second_bucket : {false, true}) {
    for (const unsigned slot : {0U, 1U}) {
      check_table({.counter = kCounter, .second_bucket = second_bucket, .slot = slot});
    }
  }
}

TEST_CASE("the test's own parser reads the table as it says") {
  for (const ObjectName& object : kObjects) {
    for (const Fixture& fixture : fixtures()) {
      INFO(object.text() << ": " << fixture.why);
      const Reading expected = fixture.reading_of(object);
      const Reading seen = read_naively(fixture.frame, object.tracks_icmp(), object.target == Target::card);
      CHECK(expected.cause == seen.cause);
      CHECK(expected.bytes == seen.bytes);
      if (!expected.cause && !seen.cause) {
        CHECK(expected.source == seen.source);
        CHECK(expected.destination == seen.destination);
        CHECK(expected.protocol == seen.protocol);
        CHECK(expected.transport_offset == seen.transport_offset);
      }
    }
  }
}

}  // namespace
}  // namespace nicsentry::testing
