// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
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
// changes nothing that a later report depends on. It is read in steps, between which the monitor goes on: all figures
// of a session are of one moment. None is above what was counted by then; a packet that came after its counters were
// read may be missing. Of the monitor's thread; reaches the maps only for each attachment's totals.
class OpenWindow {
 public:
  // While no window is closing. `read_ns`: when the counters were read.
  OpenWindow(Monitor& monitor, std::uint64_t number, TimestampNs start_ns, TimestampNs read_ns,
             CounterReadings readings);

  enum class State {
    reading,
    done,
    ended  // the window closes, or an attachment is gone: begin anew
  };
  // Looks at so many more counter ids and sessions.
  State step(std::size_t most);
  // Once it is done.
  LiveSessions take();

  // All of it at once.
  static LiveSessions read(Monitor& monitor, std::uint64_t number, TimestampNs start_ns, TimestampNs read_ns,
                           CounterReadings readings);

 private:
  struct Place {
    Attachment* attachment;
    std::shared_ptr<const CounterReading> reading;
  };

  bool is_valid() const;
  void look_at(std::size_t place, std::uint32_t id);
  void add_session(const Session& session, std::size_t known, std::uint32_t known_id);
  void add_entry(std::size_t place, std::uint32_t id, std::size_t row);
  std::array<Amount, 2> counted(const AttachmentSessions::Entry& entry, const CounterReading& reading,
                                std::uint32_t id) const;

  Monitor& monitor_;
  std::uint32_t epoch_;
  TimestampNs read_ns_;
  CounterReadings readings_;
  LiveSessions live_;
  std::vector<Place> places_;
  std::size_t place_ = 0;                                 // the attachment that is looked at
  std::uint32_t id_ = 0;                                  // its next id
  std::size_t active_ = 0;                                // behind the attachments: the next active session
  std::unordered_map<const Session*, std::size_t> rows_;  // of sessions that were looked at
};

// Puts the sessions in order of id, and has the rates of those that began within `since_ns` count all their packets.
// Not for the event loop.
void finish(LiveSessions& live, TimestampNs since_ns);

}  // namespace nicsentry
