// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/sessions/session_table.h"
#include "tests/support/tries.h"

namespace nicsentry::session_table_test {
namespace {

using Writes = std::vector<BucketWrite>;
using Truth = std::map<Fingerprint, std::uint32_t>;  // the counter of each session

const char* text(InsertResult result) {
  switch (result) {
    case InsertResult::placed:
      return "placed";
    case InsertResult::waiting:
      return "waiting";
    case InsertResult::no_room:
      return "no room";
    case InsertResult::fingerprint_met_twice:
      return "fingerprint met twice";
  }
  return "?";
}

// As Catch shows it.
std::string insert(SessionTable& table, const Fingerprint& name, std::uint32_t counter, Writes& writes) {
  return text(table.insert(name, counter, writes));
}

std::string insert(SessionTable& table, const Fingerprint& name, std::uint32_t counter) {
  Writes writes;
  return insert(table, name, counter, writes);
}

// Inserts as a caller does between whose packets nothing is in flight.
InsertResult insert_patiently(SessionTable& table, const Fingerprint& name, std::uint32_t counter, Writes& writes) {
  for (;;) {
    const InsertResult result = table.insert(name, counter, writes);
    if (result != InsertResult::waiting) return result;
    table.release_rested();
  }
}

Fingerprint random_name(std::mt19937_64& random) {
  const std::uint64_t a = random();
  return {a, random()};
}

std::uint32_t random_states(std::mt19937_64& random) {
  return static_cast<std::uint32_t>(random() % 16) << SLOT_STATE_SHIFT;
}

Fingerprint name_with_buckets(std::mt19937_64& random, unsigned bits, std::uint32_t first, std::uint32_t second) {
  for (;;) {
    const Fingerprint name = random_name(random);
    if (candidate_buckets(name, bits) == CandidateBuckets{first, second}) return name;
  }
}

bool holds(const session_slot& slot, const Fingerprint& name) {
  const auto words = name.words();
  return std::equal(words.begin(), words.end(), slot.fingerprint);
}

bool is_valid(const session_slot& slot) { return (slot.state & SLOT_VALID) != 0; }

std::uint32_t states_of(const session_slot& slot) { return slot.state & ~SLOT_VALID; }

constexpr std::uint32_t states(std::uint32_t from_lower, std::uint32_t from_higher) {
  return from_lower << SLOT_STATE_SHIFT | from_higher << (SLOT_STATE_SHIFT + SLOT_STATE_BITS);
}

Fingerprint name_in(const session_slot& slot) {
  return {std::uint64_t{slot.fingerprint[1]} << 32 | slot.fingerprint[0],
          std::uint64_t{slot.fingerprint[3]} << 32 | slot.fingerprint[2]};
}

bool same_but_state(const session_slot& a, const session_slot& b) {
  return std::equal(std::begin(a.fingerprint), std::end(a.fingerprint), b.fingerprint) && a.counter == b.counter &&
         a.muted_epoch == b.muted_epoch;
}

bool same(const session_slot& a, const session_slot& b) { return same_but_state(a, b) && a.state == b.state; }

// A copy of the map as the card has it, to which updates come one at a time, with programs that read between any two.
class Card {
 public:
  explicit Card(unsigned bits) : bits_(bits), map_(std::size_t{1} << bits), read_since_release_(map_.size()) {}

  // As the program looks a session up.
  const session_slot* find(const Fingerprint& name) const {
    const CandidateBuckets buckets = candidate_buckets(name, bits_);
    for (const std::uint32_t index : {buckets.first, buckets.second}) {
      for (const session_slot& slot : map_[index].slot) {
        if (holds(slot, name) && is_valid(slot)) return &slot;
      }
    }
    return nullptr;
  }

  std::optional<std::uint32_t> counter_of(const Fingerprint& name) const {
    const session_slot* slot = find(name);
    return slot != nullptr ? std::optional(slot->counter) : std::nullopt;
  }

  // Holds each update against what a program may have read before, between and during the updates. `staying` are the
  // sessions that are in the table before and after all of these updates.
  void perform(const Writes& writes, const Truth& truth, const Truth& staying) {
    for (const BucketWrite& write : writes) {
      REQUIRE(write.index < map_.size());
      const session_bucket before = map_[write.index];
      map_[write.index] = write.value;
      for (std::size_t i = 0; i < SLOTS_PER_BUCKET; ++i) {
        check_slot(before.slot[i], write.value.slot[i], read_since_release_[write.index][i], truth);
        // Only sessions of this bucket can be missed because of this update.
        const Fingerprint was_here = name_in(before.slot[i]);
        const auto stays = staying.find(was_here);
        if (is_valid(before.slot[i]) && stays != staying.end() &&
            counter_of(was_here) != std::optional(stays->second)) {
          FAIL("a session that stays was lost between two updates: " << stays->second);
        }
      }
    }
  }

  // All programs that were running as slots came to rest are done.
  void release() {
    for (std::size_t index = 0; index < map_.size(); ++index) {
      for (std::size_t i = 0; i < SLOTS_PER_BUCKET; ++i) {
        read_since_release_[index][i] = is_valid(map_[index].slot[i]);
      }
    }
  }

  const session_bucket& bucket(std::uint32_t index) const { return map_[index]; }

 private:
  void check_slot(const session_slot& before, const session_slot& after, bool& read_since_release, const Truth& truth) {
    if (same(before, after)) return;
    if (is_valid(before) || is_valid(after)) {
      // Words of one update become visible in any order.
      const int changes = (before.state != after.state) + (before.muted_epoch != after.muted_epoch) +
                          !std::equal(std::begin(before.fingerprint), std::end(before.fingerprint), after.fingerprint) +
                          (before.counter != after.counter);
      if (changes != 1) FAIL("a slot is valid before or after an update that changes " << changes << " of its words");
    }
    if (read_since_release && (name_in(before) != name_in(after) || before.counter != after.counter)) {
      FAIL("a slot was given to counter " << after.counter << " while a program could still hold what it read of "
                                          << before.counter);
    }
    if (is_valid(after)) {
      read_since_release = true;
      const auto owner = truth.find(name_in(after));
      if (owner == truth.end()) FAIL("a slot became valid for a session that nobody inserted");
      if (owner->second != after.counter) {
        FAIL("the session of counter " << owner->second << " shows counter " << after.counter);
      }
    }
  }

  unsigned bits_;
  std::vector<session_bucket> map_;
  std::vector<std::array<bool, SLOTS_PER_BUCKET>> read_since_release_;
};

// A table, its card, and a naive model of both.
class Rig {
 public:
  explicit Rig(unsigned bits) : table(bits), card(bits) {}

  InsertResult try_insert(const Fingerprint& name, std::uint32_t counter, std::uint32_t states = 0) {
    Truth truth_then = truth;
    truth_then[name] = counter;
    Writes writes;
    const InsertResult result = table.insert(name, counter, writes, states);
    card.perform(writes, result == InsertResult::placed ? truth_then : truth, truth);
    if (result == InsertResult::placed) {
      truth = truth_then;
      states_of_session[name] = states;
    }
    return result;
  }

  void set_states(const Fingerprint& name, std::uint32_t states) {
    Writes writes;
    REQUIRE(table.set_states(name, states, writes));
    card.perform(writes, truth, truth);
    states_of_session[name] = states;
  }

  void erase(const Fingerprint& name) {
    Truth staying = truth;
    staying.erase(name);
    Writes writes;
    REQUIRE(table.erase(name, writes));
    card.perform(writes, truth, staying);
    truth = staying;
    states_of_session.erase(name);
  }

  void release() {
    table.release_rested();
    card.release();
  }

  void check_all() const {
    CHECK(table.size() == truth.size());
    std::size_t not_in_table = 0;
    std::size_t not_on_card = 0;
    std::size_t other_states = 0;
    for (const auto& [name, counter] : truth) {
      const session_slot* slot = card.find(name);
      other_states += slot != nullptr && states_of(*slot) != states_of_session.at(name);
      not_in_table += table.find(name) != std::optional(counter);
      not_on_card += card.counter_of(name) != std::optional(counter);
    }
    CHECK(not_in_table == 0);
    CHECK(not_on_card == 0);
    CHECK(other_states == 0);
  }

  SessionTable table;
  Card card;
  Truth truth;
  std::map<Fingerprint, std::uint32_t> states_of_session;
};

// Slots of 2^bits buckets that are filled before the first session finds no room, of 1.
double filled_before_refusal(unsigned bits, std::mt19937_64& random) {
  SessionTable table(bits);
  Writes writes;
  std::uint32_t counter = 0;
  do {
    writes.clear();
  } while (insert_patiently(table, random_name(random), counter++, writes) == InsertResult::placed);
  return static_cast<double>(table.size()) / static_cast<double>(table.slots());
}

}  // namespace

TEST_CASE("a table has 0.6 buckets for each session, rounded up to a power of two, and no fewer than 1,024") {
  const std::pair<std::uint64_t, unsigned> cases[] = {
      {1, 10},      {10, 10},     {1706, 10},      {1707, 11},      {3413, 11},      {3414, 12},          {65536, 16},
      {109226, 16}, {109227, 17}, {1'000'000, 20}, {1'747'626, 20}, {1'747'627, 21}, {1'789'569'706, 30},
  };
  for (const auto& [sessions, bits] : cases) {
    CAPTURE(sessions);
    CHECK(bucket_bits_for(sessions) == bits);
    CHECK(static_cast<double>(sessions) / static_cast<double>(std::uint64_t{2} << bits) < 0.834);
  }
  CHECK_THROWS_AS(bucket_bits_for(0), Error);
  CHECK_THROWS_WITH(bucket_bits_for(1'789'569'707), Catch::Contains("1789569706"));
}

TEST_CASE("a session is found by its own fingerprint and by no other") {
  std::mt19937_64 random(1);
  const Fingerprint name = random_name(random);
  SessionTable table(10);
  CHECK(insert(table, name, 77) == "placed");
  CHECK(table.find(name) == std::optional<std::uint32_t>(77));
  CHECK_FALSE(table.find({name.a, name.b ^ 1}));
  CHECK_FALSE(table.find({name.a ^ 1, name.b}));
  CHECK(table.size() == 1);
  CHECK(table.slots() == 2048);
}

TEST_CASE("a slot is filled while it is invalid and becomes valid by an update of its state word alone") {
  std::mt19937_64 random(2);
  const Fingerprint name = random_name(random);
  SessionTable table(10);
  Writes writes;
  table.insert(name, 77, writes);
  REQUIRE(writes.size() == 2);
  const std::uint32_t bucket = candidate_buckets(name, 10).first;
  for (const BucketWrite& write : writes) {
    CHECK(write.index == bucket);
    CHECK(holds(write.value.slot[0], name));
    CHECK(write.value.slot[0].counter == 77);
    CHECK(write.value.slot[0].muted_epoch == 0);
    CHECK(same(write.value.slot[1], session_slot{}));
  }
  CHECK(writes[0].value.slot[0].state == 0);
  CHECK(writes[1].value.slot[0].state == SLOT_VALID);
}

TEST_CASE("erasing clears the state word and leaves the others as they are") {
  std::mt19937_64 random(3);
  const Fingerprint name = random_name(random);
  SessionTable table(10);
  Writes writes;
  table.insert(name, 77, writes);
  const session_slot before = writes.back().value.slot[0];
  writes.clear();
  CHECK(table.erase(name, writes));
  REQUIRE(writes.size() == 1);
  CHECK(writes[0].value.slot[0].state == 0);
  CHECK(same_but_state(writes[0].value.slot[0], before));
  CHECK_FALSE(table.find(name));
  CHECK(table.size() == 0);
  CHECK(table.resting() == 1);
  CHECK_FALSE(table.erase(name, writes));
  CHECK(writes.size() == 1);
}

TEST_CASE("muting changes only the muted epoch of that session") {
  std::mt19937_64 random(4);
  const Fingerprint name = name_with_buckets(random, 4, 3, 9);
  const Fingerprint neighbour = name_with_buckets(random, 4, 3, 9);
  SessionTable table(4);
  Writes writes;
  table.insert(name, 1, writes);
  table.insert(neighbour, 2, writes);
  const session_bucket before = writes.back().value;
  writes.clear();
  CHECK(table.mute(name, 6, writes));
  REQUIRE(writes.size() == 1);
  session_bucket expected = before;
  expected.slot[0].muted_epoch = 6;
  CHECK(std::memcmp(&writes[0].value, &expected, sizeof(expected)) == 0);
  CHECK_FALSE(table.mute(random_name(random), 6, writes));
  CHECK(writes.size() == 1);
}

TEST_CASE("a session is placed with its states, and a change of states is one update of its state word") {
  std::mt19937_64 random(16);
  const Fingerprint name = name_with_buckets(random, 4, 3, 9);
  const Fingerprint neighbour = name_with_buckets(random, 4, 3, 9);
  SessionTable table(4);
  Writes writes;
  table.insert(neighbour, 1, writes, states(STATE_RELATED, STATE_INVALID));
  table.insert(name, 2, writes, states(STATE_NEW, STATE_ESTABLISHED));
  CHECK(writes[0].value.slot[0].state == 0);
  CHECK(writes[1].value.slot[0].state == (SLOT_VALID | 2U << 1U | 3U << 3U));
  CHECK(writes[2].value.slot[1].state == 0);
  CHECK(writes[3].value.slot[1].state == (SLOT_VALID | 1U << 3U));
  table.mute(name, 6, writes);
  session_bucket expected = writes.back().value;
  writes.clear();
  CHECK(table.set_states(name, states(STATE_ESTABLISHED, STATE_ESTABLISHED), writes));
  REQUIRE(writes.size() == 1);
  CHECK(writes[0].index == 3);
  expected.slot[1].state = SLOT_VALID | 1U << 1U | 1U << 3U;
  CHECK(std::memcmp(&writes[0].value, &expected, sizeof(expected)) == 0);
  CHECK_FALSE(table.set_states(random_name(random), 0, writes));
  CHECK(writes.size() == 1);
}

TEST_CASE("a fingerprint met twice is reported, whether the first is placed or waiting, and changes nothing") {
  std::mt19937_64 random(5);
  SessionTable table(0);
  const Fingerprint placed = random_name(random);
  const Fingerprint leaving = random_name(random);
  const Fingerprint waits = random_name(random);
  Writes writes;
  table.insert(placed, 1, writes);
  table.insert(leaving, 2, writes);
  table.erase(leaving, writes);
  writes.clear();
  CHECK(insert(table, placed, 3, writes) == "fingerprint met twice");
  CHECK(insert(table, waits, 4, writes) == "waiting");
  CHECK(insert(table, waits, 5, writes) == "fingerprint met twice");
  CHECK(writes.empty());
  CHECK(table.find(placed) == std::optional<std::uint32_t>(1));
  table.release_rested();
  CHECK(insert(table, waits, 4, writes) == "placed");
}

TEST_CASE("a resting slot is not used until it is released, and then by the insertion that waits for it") {
  std::mt19937_64 random(6);
  SessionTable table(1);
  const auto name_for_all_slots = [&random] { return name_with_buckets(random, 1, 0, 1); };
  std::vector<Fingerprint> names;
  for (std::uint32_t i = 0; i < 4; ++i) {
    names.push_back(name_for_all_slots());
    CHECK(insert(table, names.back(), i) == "placed");
  }
  const Fingerprint first = name_for_all_slots();
  const Fingerprint second = name_for_all_slots();
  CHECK(insert(table, first, 5) == "no room");
  Writes writes;
  table.erase(names[2], writes);
  CHECK(insert(table, first, 5) == "waiting");
  CHECK(insert(table, first, 5) == "waiting");
  CHECK(insert(table, second, 6) == "no room");
  CHECK(table.waiting() == 1);
  table.release_rested();
  CHECK(insert(table, second, 6) == "no room");

  SECTION("the one who waits has its place") {
    CHECK(insert(table, first, 5) == "placed");
    CHECK(table.waiting() == 0);
    CHECK(insert(table, second, 6) == "no room");
  }
  SECTION("one who is forgotten leaves it to others") {
    table.forget(first);
    CHECK(table.waiting() == 0);
    CHECK(insert(table, second, 6) == "placed");
    CHECK(insert(table, first, 5) == "no room");
  }
}

TEST_CASE("a session whose two buckets are the same is placed there once") {
  std::mt19937_64 random(20);
  SessionTable table(2);
  std::vector<Fingerprint> names;
  for (std::uint32_t i = 0; i < SLOTS_PER_BUCKET; ++i) {
    names.push_back(name_with_buckets(random, 2, 3, 3));
    CHECK(insert(table, names.back(), i) == "placed");
    CHECK(insert(table, names.back(), 9) == "fingerprint met twice");
  }
  CHECK(table.size() == SLOTS_PER_BUCKET);
  const Fingerprint more = name_with_buckets(random, 2, 3, 3);
  CHECK(insert(table, more, 5) == "no room");
  // A session that could stand elsewhere has to, as those here cannot.
  CHECK(insert(table, name_with_buckets(random, 2, 3, 1), 6) == "placed");

  Writes writes;
  table.erase(names[0], writes);
  CHECK(writes.size() == 1);
  CHECK_FALSE(table.find(names[0]));
  CHECK(table.find(names[1]) == std::optional<std::uint32_t>(1));
  CHECK(insert(table, more, 5) == "waiting");
  table.release_rested();
  CHECK(insert(table, more, 5) == "placed");
  // A session that can move makes room for one that cannot.
  SessionTable other(2);
  const Fingerprint moves = name_with_buckets(random, 2, 3, 1);
  CHECK(insert(other, moves, 1) == "placed");
  CHECK(insert(other, names[0], 2) == "placed");
  CHECK(insert(other, names[1], 3) == "waiting");
  other.release_rested();
  CHECK(insert(other, names[1], 3) == "placed");
  CHECK(other.find(moves) == std::optional<std::uint32_t>(1));
}

TEST_CASE("a slot reserved by a cancelled insertion still rests until it is released") {
  std::mt19937_64 random(7);
  SessionTable table(0);
  const Fingerprint leaving = random_name(random);
  const Fingerprint other = random_name(random);
  Writes writes;
  table.insert(leaving, 1, writes);
  table.insert(random_name(random), 2, writes);
  table.erase(leaving, writes);
  const Fingerprint impatient = random_name(random);
  CHECK(insert(table, impatient, 3) == "waiting");
  table.forget(impatient);
  CHECK(insert(table, other, 4) == "waiting");
  table.release_rested();
  CHECK(insert(table, other, 4) == "placed");
}

TEST_CASE("a release up to a mark does not release slots that came to rest after it") {
  std::mt19937_64 random(8);
  SessionTable table(0);
  const Fingerprint early = random_name(random);
  const Fingerprint late = random_name(random);
  Writes writes;
  table.insert(early, 1, writes);
  table.insert(late, 2, writes);
  table.erase(early, writes);
  const SessionTable::RestMark mark = table.rest_mark();
  table.erase(late, writes);
  table.release_rested(mark);
  CHECK(table.resting() == 1);
  CHECK(insert(table, random_name(random), 3) == "placed");
  CHECK(insert(table, random_name(random), 4) == "waiting");
  table.release_rested(mark);
  CHECK(table.resting() == 1);
  table.release_rested(table.rest_mark());
  CHECK(table.resting() == 0);
}

TEST_CASE("a session that must move is copied to its other bucket before it is cleared in the old one") {
  std::mt19937_64 random(9);
  Rig rig(2);
  const Fingerprint in_the_way = name_with_buckets(random, 2, 0, 2);
  rig.try_insert(in_the_way, 1);
  rig.try_insert(name_with_buckets(random, 2, 0, 1), 2);
  rig.try_insert(name_with_buckets(random, 2, 1, 0), 3);
  rig.try_insert(name_with_buckets(random, 2, 1, 0), 4);
  rig.set_states(in_the_way, states(STATE_ESTABLISHED, STATE_RELATED));
  Writes muting;
  rig.table.mute(in_the_way, 9, muting);
  rig.card.perform(muting, rig.truth, rig.truth);

  const Fingerprint name = name_with_buckets(random, 2, 0, 1);
  Writes writes;
  CHECK(insert(rig.table, name, 5, writes) == "waiting");
  REQUIRE(writes.size() == 3);
  CHECK(writes[0].index == 2);
  CHECK(writes[1].index == 2);
  CHECK(writes[2].index == 0);
  rig.card.perform(writes, rig.truth, rig.truth);
  REQUIRE(rig.card.find(in_the_way) != nullptr);
  CHECK(rig.card.find(in_the_way)->counter == 1);
  CHECK(rig.card.find(in_the_way)->muted_epoch == 9);
  CHECK(states_of(*rig.card.find(in_the_way)) == states(STATE_ESTABLISHED, STATE_RELATED));
  CHECK_FALSE(rig.table.find(name));

  rig.release();
  CHECK(rig.try_insert(name, 5) == InsertResult::placed);
  rig.check_all();
}

TEST_CASE("a long path takes one move a release and ends with the insertion placed") {
  std::mt19937_64 random(10);
  Rig rig(3);
  // Buckets 0 and 1 are full of sessions that can go to 2 alone, which is full of such that can go to 3.
  std::uint32_t counter = 0;
  for (const CandidateBuckets& buckets : {CandidateBuckets{0, 2}, {0, 2}, {1, 2}, {1, 2}, {2, 3}, {2, 3}}) {
    REQUIRE(rig.try_insert(name_with_buckets(random, 3, buckets.first, buckets.second), counter++) ==
            InsertResult::placed);
  }
  const Fingerprint name = name_with_buckets(random, 3, 0, 1);
  CHECK(rig.try_insert(name, counter) == InsertResult::waiting);
  rig.check_all();
  CHECK(rig.try_insert(name, counter) == InsertResult::waiting);
  rig.release();
  CHECK(rig.try_insert(name, counter) == InsertResult::waiting);
  rig.check_all();
  rig.release();
  CHECK(rig.try_insert(name, counter) == InsertResult::placed);
  rig.check_all();
  CHECK(rig.table.waiting() == 0);
}

TEST_CASE("clear_all empties the map by state words alone; every slot rests, no insertion waits") {
  std::mt19937_64 random(11);
  Rig rig(3);
  for (std::uint32_t i = 0; i < 9; ++i) rig.try_insert(random_name(random), i);
  const auto sessions = rig.table.size();
  const Truth before = rig.truth;
  const Writes writes = rig.table.clear_all();
  rig.card.perform(writes, rig.truth, {});
  CHECK(writes.size() == sessions);
  CHECK(rig.table.size() == 0);
  CHECK(rig.table.resting() == sessions);
  CHECK(rig.table.waiting() == 0);
  rig.truth.clear();
  for (const auto& [name, counter] : before) {
    CHECK_FALSE(rig.card.counter_of(name));
    CHECK_FALSE(rig.table.find(name));
  }
  rig.release();
  for (std::uint32_t i = 0; i < sessions; ++i) {
    const Fingerprint name = random_name(random);
    while (rig.try_insert(name, i) == InsertResult::waiting) rig.release();
  }
  CHECK(rig.table.size() == sessions);
  rig.check_all();
}

TEST_CASE("clear_all cancels insertions that wait") {
  std::mt19937_64 random(12);
  SessionTable table(0);
  Writes writes;
  const Fingerprint leaving = random_name(random);
  table.insert(leaving, 1, writes);
  table.insert(random_name(random), 2, writes);
  table.erase(leaving, writes);
  CHECK(insert(table, random_name(random), 3) == "waiting");
  table.clear_all();
  CHECK(table.waiting() == 0);
  table.release_rested();
  CHECK(insert(table, random_name(random), 4) == "placed");
  CHECK(insert(table, random_name(random), 5) == "placed");
}

// Theory has 89.7 % for a large table. Measured over 8 of 2^16 buckets: first refusal at 88.8 to 89.0 %, with at most
// 10 moves in a chain; up to 83.4 % a session waits 0.18 times on average, at most 7 times.
TEST_CASE("a table of 4,096 buckets and more fills to 85 % with no refusal; the first comes at 88 to 91 %") {
  std::mt19937_64 random(13);
  for (const unsigned bits : {12u, 13u, 14u}) {
    for (int i = 0; i < 3; ++i) {
      const double filled = filled_before_refusal(bits, random);
      CAPTURE(bits, i);
      CHECK(filled > 0.875);
      CHECK(filled < 0.91);
    }
  }
}

TEST_CASE(
    "as many sessions as a table is made for find room in it and are found, at the fullest that the rule allows") {
  std::mt19937_64 random(14);
  for (const std::uint32_t sessions : {1u, 10u, 106u, 1706u, 3413u, 13653u}) {
    CAPTURE(sessions);
    SessionTable table(bucket_bits_for(sessions));
    Truth truth;
    Writes writes;
    std::size_t refused = 0;
    for (const std::uint32_t until : {sessions * 9 / 10, sessions}) {
      while (truth.size() < until) {
        const Fingerprint name = random_name(random);
        const auto counter = static_cast<std::uint32_t>(truth.size());
        writes.clear();
        refused += insert_patiently(table, name, counter, writes) != InsertResult::placed;
        truth[name] = counter;
      }
      std::size_t lost = 0;
      for (const auto& [name, counter] : truth) lost += table.find(name) != std::optional(counter);
      CHECK(refused == 0);
      CHECK(lost == 0);
      CHECK(table.size() == until);
    }
  }
}

// To 90 and 100 % of the sessions; no program ever reads a wrong counter or misses a session that stays. (Catch 2
// prints a name without end, when its case fails, if there is a ": " as late in it as the screen is wide.)
TEST_CASE("after random insertions, removals and changes of states, map, table and a naive model agree") {
  constexpr std::uint32_t kSessions = 426;  // of 512 slots: fuller than the controller makes any table of this size
  constexpr unsigned kBits = 8;
  for (const std::uint32_t full : {kSessions * 9 / 10, kSessions}) {
    std::mt19937_64 random(full);
    Rig rig(kBits);
    std::uint32_t next_counter = 0;
    std::size_t refused = 0;
    std::size_t moved_or_waited = 0;
    for (int round = 0; round < 60; ++round) {
      CAPTURE(full, round);
      while (rig.truth.size() < full) {
        const Fingerprint name = random_name(random);
        InsertResult result{};
        const std::uint32_t first_states = random_states(random);
        while ((result = rig.try_insert(name, next_counter, first_states)) == InsertResult::waiting) {
          rig.release();
          ++moved_or_waited;
        }
        ++next_counter;
        if (result != InsertResult::placed) ++refused;
      }
      rig.check_all();
      std::vector<Fingerprint> names;
      for (const auto& entry : rig.truth) names.push_back(entry.first);
      std::shuffle(names.begin(), names.end(), random);
      for (std::size_t i = 0; i < names.size(); i += 3) {
        rig.set_states(names[i], random_states(random));
      }
      rig.check_all();
      names.resize(1 + random() % (names.size() / 2));
      for (const Fingerprint& name : names) {
        rig.erase(name);
        CHECK_FALSE(rig.card.counter_of(name));
      }
      rig.check_all();
    }
    CHECK(moved_or_waited > 100);
    // At this size a table of 83 % is refused something every now and then (see bucket_bits_for).
    CHECK(refused < next_counter / 1000);
  }
}

TEST_CASE("many waiting insertions with rare releases are all placed", "[slow]") {
  constexpr std::uint32_t kSessions = 1706;
  std::mt19937_64 random(15);
  Rig rig(bucket_bits_for(kSessions));
  Truth waiting;
  std::uint32_t next_counter = 0;
  std::size_t refused = 0;
  std::size_t most_waiting = 0;
  for (int round = 0; round < testing::tries(300, 20); ++round) {
    CAPTURE(round);
    std::vector<Fingerprint> names;
    for (const auto& entry : rig.truth) names.push_back(entry.first);
    std::shuffle(names.begin(), names.end(), random);
    names.resize(names.size() / 20);
    for (const Fingerprint& name : names) rig.erase(name);
    // Sessions that rest have their place in the count, as their counters do.
    const std::size_t taken = rig.truth.size() + waiting.size() + names.size();
    for (std::size_t i = taken; i < kSessions; ++i) waiting[random_name(random)] = next_counter++;
    std::vector<std::pair<Fingerprint, std::uint32_t>> tried(waiting.begin(), waiting.end());
    for (const auto& [name, counter] : tried) {
      const InsertResult result = rig.try_insert(name, counter);
      if (result != InsertResult::waiting) waiting.erase(name);
      if (result == InsertResult::no_room) ++refused;
    }
    most_waiting = std::max(most_waiting, waiting.size());
    CHECK(rig.table.waiting() == waiting.size());
    rig.check_all();
    rig.release();
  }
  CHECK(most_waiting > 50);
  CHECK(refused < next_counter / 1000);
  for (int i = 0; i < 20 && !waiting.empty(); ++i) {
    const std::vector<std::pair<Fingerprint, std::uint32_t>> tried(waiting.begin(), waiting.end());
    for (const auto& [name, counter] : tried) {
      if (rig.try_insert(name, counter) != InsertResult::waiting) waiting.erase(name);
    }
    rig.release();
  }
  CHECK(waiting.empty());
  rig.check_all();
}

}  // namespace nicsentry::session_table_test
