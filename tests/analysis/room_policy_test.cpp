// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/room_policy.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace nicsentry::room_policy_test {

namespace {

using Ids = std::vector<std::uint32_t>;

Occupant idle(std::uint32_t id, std::uint64_t windows) { return {id, windows, false, false}; }
Occupant established(std::uint32_t id, std::uint64_t windows, bool unwatched = false) {
  return {id, windows, true, unwatched};
}

constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;
constexpr std::uint8_t kRst = 0x04;

Connection tcp_connection(std::initializer_list<std::uint8_t> flags) {
  Connection connection;
  Direction direction = Direction::from_lower;
  for (const std::uint8_t each : flags) {
    connection.note({Protocol::tcp, direction, each, 0, false});
    direction = opposite(direction);
  }
  return connection;
}

Connection ping(Protocol protocol, std::uint8_t type) {
  Connection connection;
  connection.note({protocol, Direction::from_lower, 0, type, false});
  return connection;
}

constexpr TimestampNs kSecond = 1'000'000'000;

}  // namespace

TEST_CASE("counters are scarce when an eighth of them or less is free") {
  CHECK_FALSE(is_scarce({64, 9}));
  CHECK(is_scarce({64, 8}));
  CHECK(is_scarce({64, 0}));
  CHECK_FALSE(is_scarce({4, 1}));
  CHECK(is_scarce({4, 0}));
}

TEST_CASE("which sessions give up their counters") {
  struct Row {
    std::string name;
    std::vector<Occupant> occupants;
    Room room;
    Ids evicted;
  };
  const Row rows[] = {
      {"nobody where nobody is there", {}, {64, 64}, {}},
      {"idle sessions do after 30 windows", {idle(0, 29), idle(1, 30), idle(2, 31)}, {64, 61}, {1, 2}},
      {"they do after 2 windows when counters are scarce", {idle(0, 1), idle(1, 2)}, {64, 8}, {1}},
      {"established connections stay", {established(0, 1000), idle(1, 30)}, {64, 62}, {1}},
      {"they stay when counters are scarce because of others", {established(0, 1000), idle(1, 2)}, {64, 0}, {1}},
      {"they stay up to seven eighths of the counters",
       {established(0, 1000), established(1, 1000), established(2, 1000)},
       {4, 1},
       {}},
      {"beyond that they go after 30 windows, after the others",
       {established(0, 30), established(1, 29), established(2, 31), established(3, 0), idle(4, 2), established(5, 0),
        established(6, 0), established(7, 0)},
       {8, 0},
       {4, 0, 2}},
      {"those that may be closed go after 2 windows",
       {established(0, 2, true), established(1, 2), established(2, 1, true), established(3, 0)},
       {4, 0},
       {0}},
      {"more staying sessions than counters are no less than none free",
       {established(0, 30), established(1, 0)},
       {1, 0},
       {0}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(choose_evictions(row.occupants, row.room) == row.evicted);
  }
}

TEST_CASE("a closed TCP connection is over after 2 silent windows, an open one never") {
  const Connection closed = tcp_connection({kSyn, kSyn | kAck, kAck, kRst});
  REQUIRE(closed.closed());
  CHECK_FALSE(is_over(closed, Protocol::tcp, 1, kSecond));
  CHECK(is_over(closed, Protocol::tcp, 2, kSecond));
  const Connection open = tcp_connection({kSyn, kSyn | kAck, kAck});
  CHECK_FALSE(is_over(open, Protocol::tcp, 1000, 1000 * kSecond));
}

TEST_CASE("a ping is over after 30 s, whatever the windows, and an unseen session never") {
  CHECK_FALSE(is_over(ping(Protocol::icmp, 8), Protocol::icmp, 1000, 30 * kSecond - 1));
  CHECK(is_over(ping(Protocol::icmp, 8), Protocol::icmp, 0, 30 * kSecond));
  CHECK(is_over(ping(Protocol::icmpv6, 128), Protocol::icmpv6, 0, 30 * kSecond));
  CHECK_FALSE(is_over(Connection(), Protocol::icmp, 1000, 1000 * kSecond));
}

}  // namespace nicsentry::room_policy_test
