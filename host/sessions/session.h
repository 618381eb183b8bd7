// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "host/packet/features.h"
#include "host/packet/server.h"
#include "host/packet/session_key.h"
#include "host/report/window_report.h"
#include "host/sessions/connection.h"
#include "host/sessions/tcp_course.h"

namespace nicsentry {

// Where packets are counted: Accounting::place of the attachment, and whether they leave there.
struct CountingPlace {
  std::uint64_t bit = 0;
  bool out = false;
};

// A session that is in the registry: what stays from window to window, and what the open window has counted so far.
struct Session {
  std::uint64_t id = 0;
  SessionKey key;
  ServerDecision server;
  Connection connection;
  TcpCourse course;
  std::uint64_t last_window = 0;      // the last window in which it had packets
  bool counted = false;               // it is in the accounting as a new session
  unsigned attachments = 0;           // how many attachments have an entry of it
  bool unwatched = false;             // its events were not needed any more when its last packet came
  TcpSequence::UnseenBytes unseen{};  // of closed windows: bytes of packets whose sequence numbers were not taken
  TimestampNs alive_ns = 0;           // of its last known packet, in whatever window: lifetimes count from here

  // The open window's figures.
  bool active = false;
  std::size_t active_index = 0;  // among the active ones
  std::array<Amount, 2> sent{};  // by Direction
  Amount learned;                // the part of `sent` that was counted by events of an unknown session
  Amount out;                    // the part of `sent` that left through a watched port
  std::uint64_t places = 0;      // Accounting::place of each attachment that counted some of it
  // Bytes of the packets whose sequence numbers were taken, by the half of their epoch and by Direction.
  std::array<TcpSequence::UnseenBytes, 2> numbered{};
  bool timed = false;  // first_ns and last_ns are set
  TimestampNs first_ns = 0;
  TimestampNs last_ns = 0;
  std::int64_t last_uncertainty_ns = 0;
  std::uint64_t captured = 0;    // captured packets, also where their features are not kept
  std::uint64_t beyond_cap = 0;  // packets whose events arrived after the cap was reached
  bool dropped = false;          // an event said that a packet was dropped
  std::vector<PacketFeatures> packets;
};

}  // namespace nicsentry
