// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/sessions/tcp_course.h"

#include <catch2/catch.hpp>
#include <vector>

#include "host/packet/tcp_flags.h"

namespace nicsentry::tcp_course_test {
namespace {

constexpr Direction kClient = Direction::from_lower;
constexpr Direction kServer = Direction::from_higher;

struct Segment {
  Direction direction;
  std::uint8_t flags;
  std::uint32_t sequence;
};

// Which of the segments begin another connection.
std::vector<std::size_t> beginning(const std::vector<Segment>& segments) {
  TcpCourse course;
  std::vector<std::size_t> beginning;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    ParsedPacket packet;
    packet.key.direction = segments[i].direction;
    packet.features.tcp_flags = segments[i].flags;
    packet.tcp_sequence = segments[i].sequence;
    if (course.note(packet)) beginning.push_back(i);
  }
  return beginning;
}

bool last_begins(const std::vector<Segment>& segments) {
  const std::vector<std::size_t> seen = beginning(segments);
  CHECK(seen.size() <= 1);
  return seen == std::vector{segments.size() - 1};
}

constexpr Segment kSyn{kClient, kTcpSyn, 100};
constexpr Segment kSynAck{kServer, kTcpSyn | kTcpAck, 500};
constexpr Segment kClientFin{kClient, kTcpFin | kTcpAck, 150};
constexpr Segment kServerFin{kServer, kTcpFin | kTcpAck, 550};
constexpr Segment kNextSyn{kClient, kTcpSyn, 7000};

TEST_CASE("a SYN behind the FINs of both ends, or behind a RST, begins another connection") {
  CHECK(last_begins({kSyn, kSynAck, kClientFin, kServerFin, kNextSyn}));
  CHECK(last_begins({kSyn, kSynAck, kClientFin, kServerFin, kSyn}));
  CHECK(last_begins({kSyn, kSynAck, {kServer, kTcpRst, 501}, kNextSyn}));
  CHECK(last_begins({kSyn, {kServer, kTcpRst | kTcpAck, 0}, kNextSyn}));
  CHECK(last_begins({{kClient, kTcpRst, 9}, kSyn}));  // the end of a connection that began before
  CHECK(last_begins({kSyn, kClientFin, kServerFin, {kServer, kTcpSyn, 9000}}));
}

TEST_CASE("a SYN of an open connection, or one that is tried again, begins none") {
  CHECK_FALSE(last_begins({kSyn}));
  CHECK_FALSE(last_begins({kSyn, kSyn}));
  CHECK_FALSE(last_begins({kSyn, kSynAck, kNextSyn}));
  CHECK_FALSE(last_begins({kSyn, kSynAck, kClientFin, kNextSyn}));
  CHECK_FALSE(last_begins({kSyn, {kServer, kTcpRst | kTcpAck, 0}, kSyn}));  // refused, tried again (Windows: twice)
  CHECK_FALSE(last_begins({kSyn, kNextSyn, {kServer, kTcpRst | kTcpAck, 0}, kNextSyn}));  // the last one's number
  CHECK_FALSE(last_begins({kSyn, kSynAck, kClientFin, kServerFin, kSynAck}));
}

TEST_CASE("the end of a connection counts for one SYN only: tries again, and answers, are the next connection's") {
  using Numbers = std::vector<std::size_t>;
  CHECK(beginning({kSyn, kClientFin, kServerFin, kNextSyn, kNextSyn, kSynAck, kClientFin, kNextSyn}) == Numbers{3});
  CHECK(beginning({kSyn, {kServer, kTcpRst, 0}, kNextSyn, kNextSyn, kSyn}) == Numbers{2});
  CHECK(beginning({kSyn, {kServer, kTcpRst, 0}, kSyn, kNextSyn}).empty());  // the RST was the first try's
  CHECK(beginning({kSyn, kClientFin, kServerFin, kNextSyn, kClientFin, kServerFin, kSyn}) == Numbers{3, 6});
  CHECK(beginning({kSyn, {kServer, kTcpRst, 0}, kNextSyn, {kServer, kTcpRst, 0}, kNextSyn, kSyn}) == Numbers{2});
}

TEST_CASE("a session of another protocol goes on") {
  TcpCourse course;
  ParsedPacket packet;
  packet.protocol = Protocol::udp;
  packet.features.tcp_flags = kTcpRst;
  CHECK_FALSE(course.note(packet));
  packet.features.tcp_flags = kTcpSyn;
  CHECK_FALSE(course.note(packet));
}

}  // namespace
}  // namespace nicsentry::tcp_course_test
