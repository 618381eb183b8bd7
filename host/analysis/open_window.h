// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "host/analysis/attachment.h"
#include "host/datapath/counter_reader.h"
#include "host/report/live_sessions.h"

namespace nicsentry {

class Monitor;

// What the reader of each attachment has read (Attachment::counter_reader()). One that is missing has read nothing.
using CounterReadings = std::unordered_map<const CounterReader*, std::shared_ptr<const CounterReading>>;

// Reads the open window without ending it: what collect() would report of it, by counters that were read before. It
// changes nothing that a later report depends on. A figure is never above what was counted by now; a packet that came
// after its counters were read may be missing. Of the monitor's thread; takes time for each session, and reaches the
// maps only for each attachment's totals.
class OpenWindow {
 public:
  // While no window is closing. `read_ns`: when the counters were read.
  static LiveSessions read(Monitor& monitor, std::uint64_t number, TimestampNs start_ns, TimestampNs read_ns,
                           const CounterReadings& readings);

 private:
  OpenWindow(Monitor& monitor, TimestampNs start_ns, TimestampNs read_ns);

  Accounting add(Attachment& attachment, const CounterReading& reading);
  void add_counted(const Attachment& attachment, const AttachmentSessions::Entry& entry,
                   const std::array<Amount, 2>& counted);
  void add_rate(const Session& session, const CounterReading& reading, std::uint32_t id);
  std::size_t row_of(const Session& session);

  Monitor& monitor_;
  TimestampNs start_ns_;
  TimestampNs read_ns_;
  std::vector<SessionWindow> rows_;
  std::vector<LiveRate> rates_;
  std::unordered_map<const Session*, std::size_t> others_;  // rows of sessions that no event and no tick has shown
};

// Puts the sessions in order of id, and has the rates of those that began within `since_ns` count all their packets.
// Not for the event loop.
void finish(LiveSessions& live, TimestampNs since_ns);

}  // namespace nicsentry
