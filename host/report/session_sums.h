// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "host/report/window_report.h"

namespace nicsentry {

// The fields that each sum over sessions of a window has.
struct SessionSums {
  std::uint64_t sessions_dropped = 0;  // of which packets were dropped
  Amount out;                          // the part that left through a watched port; the rest came in
  std::uint64_t places = 0;

  void add(const SessionWindow& session) { add(SessionSums{session.dropped ? 1U : 0U, session.out, session.places}); }
  void add(const SessionSums& other) {
    sessions_dropped += other.sessions_dropped;
    out.packets += other.out.packets;
    out.bytes += other.out.bytes;
    places |= other.places;
  }
};

}  // namespace nicsentry
