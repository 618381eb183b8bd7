// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/base/timestamp.h"
#include "host/packet/session_key.h"
#include "host/sessions/connection.h"

namespace nicsentry {

// Which sessions give up their counters, and which connections are over. Values in, values out.

// Windows without a packet after which a session gives up its counters. The long time lets a session with long pauses
// keep its server; the short one holds while counters are scarce.
constexpr std::uint64_t kIdleWindows = 30;
constexpr std::uint64_t kIdleWindowsWhenScarce = 2;

// The counters of one attachment.
struct Room {
  std::uint32_t capacity = 0;
  std::uint32_t free = 0;
};

// Few counters are left to give: an eighth or less.
bool is_scarce(const Room& room);

// A session that has counters.
struct Occupant {
  std::uint32_t id = 0;            // of its counters
  std::uint64_t idle_windows = 0;  // how many windows ago it had its last packet; 0: it had one in the last window
  bool stays = false;              // an established TCP connection that rules may ask for
  bool unwatched = false;          // it sent no more events when its last packet came: it may be closed
};

// Returns the ids of the sessions that must give up their counters at a window's end. A session that stays is kept as
// long as there is room for others beside all of those. If there is not, those that may be closed go soon, the others
// after kIdleWindows.
std::vector<std::uint32_t> choose_evictions(std::span<const Occupant> occupants, const Room& room);

// Whether the session of a connection becomes as an unknown one again. A closed TCP connection does after a short
// silence: packets on the same ports begin a new connection. ICMP does after 30 s: a ping does not let replies in for
// ever. `silence_ns`: since its last packet.
bool is_over(const Connection& connection, Protocol protocol, std::uint64_t idle_windows, TimestampNs silence_ns);

}  // namespace nicsentry
