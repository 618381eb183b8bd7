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

// Whether the last of the segments begins another connection; none of those before it may.
bool last_begins(const std::vector<Segment>& segments) {
  TcpCourse course;
  bool begins = false;
  for (const Segment& segment : segments) {
    CHECK_FALSE(begins);
    ParsedPacket packet;
    packet.key.direction = segment.direction;
    packet.features.tcp_flags = segment.flags;
    packet.tcp_sequence = segment.sequence;
    begins = course.note(packet);
  }
  return begins;
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
  CHECK_FALSE(last_begins({kSyn, kSynAck, kClientFin, kServerFin, kSynAck}));
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
