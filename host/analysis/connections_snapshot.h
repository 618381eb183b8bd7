// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host/analysis/latency.h"
#include "host/base/duration_histogram.h"
#include "host/base/timestamp.h"
#include "host/packet/session_key.h"

namespace nicsentry {

// A connection, for a listing.
struct ConnectionRow {
  std::uint64_t session = 0;  // its session's id, in order of first packets
  SessionKey key;
  Direction originator = Direction::from_lower;  // of the first packet
  std::string_view state;                        // see connection_state()
  std::array<std::uint32_t, 2> states{};         // STATE_* of the next packet, by Direction
  TimestampNs last_ns = 0;                       // last packet seen
};

// How soon the states of connections were in force: the time from a connection's first packet, by the kernel's stamp,
// until its states were in the slots of every attachment. Counts the connections that began while states were written.
struct StateLatency {
  LatencyHistogram histogram;
  DurationHistogram durations;  // the same, for metrics
  std::uint64_t waited = 0;     // connections that had to wait for a place in a table until a later window
};

// Values only: any thread may read it while the run goes on.
struct ConnectionsSnapshot {
  std::vector<ConnectionRow> rows;  // all connections of which a packet passed, in no order
  StateLatency state_latency;
};

// How many connections there are. Costs a tenth of a snapshot of 65,536.
struct ConnectionCounts {
  std::map<std::string, std::uint64_t> by_state;
  StateLatency state_latency;
};

// Orders rows by their first packets. Costs more than taking the snapshot: not for the event loop.
inline void sort_by_first_packet(std::vector<ConnectionRow>& rows) {
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.session < b.session; });
}

}  // namespace nicsentry
