// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/room_policy.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace nicsentry::room_policy_test {

namespace {

using namespace std::chrono_literals;
using Ids = std::vector<std::uint32_t>;

Occupant idle(std::uint32_t id, std::uint64_t windows) { return {id, windows, Hold::nothing, 0s, false}; }
Occupant silent(std::uint32_t id, Hold hold, std::chrono::seconds silence, bool unwatched = false) {
  return {id, 1000, hold, silence, unwatched};
}

}  // namespace

TEST_CASE("counters are scarce when an eighth of them or less is free") {
  CHECK_FALSE(is_scarce({64, 9}));
  CHECK(is_scarce({64, 8}));
  CHECK(is_scarce({64, 0}));
  CHECK_FALSE(is_scarce({4, 1}));
  CHECK(is_scarce({4, 0}));
}

TEST_CASE("scarce counters are refilled to an eighth and a sixteenth; those that rest count as free") {
  CHECK(places_wanted({64, 9}) == 0);
  CHECK(places_wanted({64, 8}) == 9 + 4 - 8);
  CHECK(places_wanted({64, 0}) == 13);
  CHECK(places_wanted({64, 0, 8}) == 5);
  CHECK(places_wanted({64, 0, 9}) == 0);
  CHECK(places_wanted({4, 1}) == 0);
  CHECK(places_wanted({4, 0}) == 1);
  CHECK(places_wanted({4, 0, 1}) == 0);
}

TEST_CASE("sessions that never passed have a quarter of the counters at most") {
  CHECK(places_for_dropped({65536, 65536}) == 16384);
  CHECK(places_for_dropped({4, 0}) == 1);
}

TEST_CASE("which sessions give up their counters at a window's end") {
  struct Row {
    std::string name;
    std::vector<Occupant> occupants;
    Room room;
    Ids chosen;
  };
  const Row rows[] = {
      {"nobody where nobody is there", {}, {64, 64}, {}},
      {"idle sessions do after 30 windows", {idle(0, 29), idle(1, 30), idle(2, 31)}, {64, 61}, {1, 2}},
      {"they do after 2 windows when counters are scarce", {idle(0, 1), idle(1, 2)}, {64, 8}, {1}},
      {"connections do not, however many windows they were silent for",
       {silent(0, Hold::unanswered, 1h), silent(1, Hold::closed, 1h), silent(2, Hold::established, 1h), idle(3, 30)},
       {64, 0},
       {3}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(choose_idle(row.occupants, row.room) == row.chosen);
  }
}

TEST_CASE("which sessions give up their counters to new ones") {
  struct Row {
    std::string name;
    std::vector<Occupant> occupants;
    std::uint32_t wanted;
    std::uint32_t spared;
    Ids chosen;
  };
  const Row rows[] = {
      {"no more than are wanted, the longest silent first",
       {silent(0, Hold::nothing, 1s), silent(1, Hold::nothing, 3s), silent(2, Hold::nothing, 2s)},
       2,
       9,
       {1, 2}},
      {"sessions without a connection, then unanswered, then closed ones",
       {silent(0, Hold::closed, 9s), silent(1, Hold::unanswered, 5s), silent(2, Hold::nothing, 1s),
        silent(3, Hold::unanswered, 6s)},
       9,
       0,
       {2, 3, 1, 0}},
      {"the last unanswered ones stay: their answer may come yet",
       {silent(0, Hold::closed, 9s), silent(1, Hold::unanswered, 5s), silent(2, Hold::nothing, 1s),
        silent(3, Hold::unanswered, 6s), silent(4, Hold::unanswered, 1s)},
       9,
       2,
       {2, 3, 0}},
      {"that is all of them where there are not more", {silent(0, Hold::unanswered, 1h)}, 9, 2, {}},
      {"established connections only after 5 minutes of silence, and last",
       {silent(0, Hold::established, 299s), silent(1, Hold::established, 300s), silent(2, Hold::established, 1h),
        silent(3, Hold::closed, 0s)},
       9,
       0,
       {3, 2, 1}},
      {"after 2 minutes where no event would have told of their end",
       {silent(0, Hold::established, 119s, true), silent(1, Hold::established, 120s, true),
        silent(2, Hold::established, 120s)},
       9,
       0,
       {1}},
      {"nobody where all are in use", {silent(0, Hold::established, 1s)}, 9, 0, {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(choose_for_new(row.occupants, row.wanted, row.spared) == row.chosen);
  }
}

}  // namespace nicsentry::room_policy_test
