// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/analysis/room_policy.h"

#include <algorithm>

namespace nicsentry {
namespace {

constexpr TimestampNs kIcmpSilence = 30'000'000'000;  // as nf_conntrack_icmp_timeout
constexpr std::uint32_t kScarcePart = 8;

}  // namespace

bool is_scarce(const Room& room) { return room.free < room.capacity / kScarcePart + 1; }

std::vector<std::uint32_t> choose_evictions(std::span<const Occupant> occupants, const Room& room) {
  std::vector<std::uint32_t> evictions;
  const std::uint64_t idle_windows = is_scarce(room) ? kIdleWindowsWhenScarce : kIdleWindows;
  std::uint32_t staying = 0;
  for (const Occupant& occupant : occupants) {
    if (occupant.stays) {
      ++staying;
    } else if (occupant.idle_windows >= idle_windows) {
      evictions.push_back(occupant.id);
    }
  }
  if (!is_scarce({room.capacity, room.capacity - std::min(staying, room.capacity)})) {
    return evictions;
  }
  for (const Occupant& occupant : occupants) {
    if (occupant.stays && occupant.idle_windows >= (occupant.unwatched ? kIdleWindowsWhenScarce : kIdleWindows)) {
      evictions.push_back(occupant.id);
    }
  }
  return evictions;
}

bool is_over(const Connection& connection, Protocol protocol, std::uint64_t idle_windows, TimestampNs silence_ns) {
  if (connection.closed() && idle_windows >= kIdleWindowsWhenScarce) {
    return true;
  }
  const bool icmp = protocol == Protocol::icmp || protocol == Protocol::icmpv6;
  return icmp && connection.seen() && silence_ns >= kIcmpSilence;
}

}  // namespace nicsentry
