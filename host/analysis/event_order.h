// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "host/datapath/event_reader.h"

namespace nicsentry {

// Events of several attachments as they happened: a connection is seen by more than one, and who began it, or that it
// ended, is told by the order. `process` is called with the number of a batch and all that it has before another one
// has something. Each batch is sorted by time, none is empty.
template <typename Process>
void for_each_run_by_time(const std::vector<const EventBatch*>& batches, Process process) {
  if (batches.size() == 1) {
    process(std::size_t{0}, *batches.front());
    return;
  }
  std::vector<std::size_t> next(batches.size(), 0);
  EventBatch run;
  for (;;) {
    std::size_t first = batches.size();
    TimestampNs until = std::numeric_limits<TimestampNs>::max();  // when the second one has its next
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const auto& events = batches[i]->events();
      if (next[i] == events.size()) {
        continue;
      }
      const TimestampNs time = events[next[i]].timestamp_ns;
      if (first == batches.size()) {
        first = i;
      } else if (const TimestampNs earliest = batches[first]->events()[next[first]].timestamp_ns; time < earliest) {
        until = std::min(until, earliest);
        first = i;
      } else {
        until = std::min(until, time);
      }
    }
    if (first == batches.size()) {
      return;
    }
    run.clear();
    const EventBatch& batch = *batches[first];
    std::size_t& at = next[first];
    do {
      const EventBatch::Event& event = batch.events()[at];
      run.append(event.timestamp_ns, event.header, batch.packet(event));
    } while (++at < batch.events().size() && batch.events()[at].timestamp_ns <= until);
    process(first, run);
  }
}

}  // namespace nicsentry
