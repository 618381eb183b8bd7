// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace nicsentry {

// Which sessions give up their counters. Values in, values out.

// Windows without a packet after which a session without a connection gives up its counters. The long time lets a
// session with long pauses keep its server; the short one holds while counters are scarce.
constexpr std::uint64_t kIdleWindows = 30;
constexpr std::uint64_t kIdleWindowsWhenScarce = 2;

// The silence after which an established connection gives up its counters for another one.
constexpr std::chrono::nanoseconds kLongSilence = std::chrono::minutes(5);
// The same where no event would have told that it was closed: nf_conntrack's TIME_WAIT.
constexpr std::chrono::nanoseconds kLongSilenceUnwatched = std::chrono::minutes(2);

// The counters of one attachment.
struct Room {
  std::uint32_t capacity = 0;
  std::uint32_t free = 0;
  std::uint32_t resting = 0;  // will be free soon
};

// Few counters are left to give: an eighth or less.
bool is_scarce(const Room& room);

// Returns how many sessions must give up their counters at once, so that new ones find some: 0 unless counters are
// scarce, those that rest counted as free.
std::uint32_t places_wanted(const Room& room);

// Returns how many unanswered sessions, the youngest ones, keep their counters in any case: an answer takes its time.
std::uint32_t places_spared(const Room& room);

// Returns how many sessions without a connection may have counters while their packets are dropped: a quarter.
std::uint32_t places_for_dropped(const Room& room);

// The reason why a session keeps its counters.
enum class Hold : std::uint8_t { nothing, unanswered, closed, established };

// A session that has counters.
struct Occupant {
  std::uint32_t id = 0;                // of its counters
  std::uint64_t idle_windows = 0;      // how many windows ago it had its last packet; 0: it had one in the last window
  Hold hold = Hold::nothing;           // nothing: it has no connection that rules may ask for
  std::chrono::nanoseconds silence{};  // since its last packet
  bool unwatched = false;              // it sent no more events when its last packet came: it may be closed
};

// Returns the ids of the sessions that give up their counters at a window's end: those that keep them for nothing and
// were idle for kIdleWindows, or for kIdleWindowsWhenScarce.
std::vector<std::uint32_t> choose_idle(std::span<const Occupant> occupants, const Room& room);

// Returns the ids of at most `wanted` sessions that give up their counters to new ones, at any time. First go those
// that keep them for nothing, then unanswered and then closed connections, then established ones that are silent for
// kLongSilence; among each of these the longest silent first. `spared` unanswered ones stay, the last silent first.
std::vector<std::uint32_t> choose_for_new(std::span<const Occupant> occupants, std::uint32_t wanted,
                                          std::uint32_t spared);

}  // namespace nicsentry
