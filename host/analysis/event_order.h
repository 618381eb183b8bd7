// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "host/datapath/event_reader.h"

namespace nicsentry {

// Merges batches of several attachments by time stamp. Calls process(i, events) for each maximal run of consecutive
// events from batch i. A connection's packets pass more than one attachment, and its state depends on their order.
// Each batch must be sorted by time.
template <typename Process>
void for_each_run_by_time(std::span<const EventBatch* const> batches, Process process) {
  std::vector<std::span<const EventBatch::Event>> left;
  left.reserve(batches.size());
  for (const EventBatch* batch : batches) {
    left.emplace_back(batch->events());
  }
  for (;;) {
    std::size_t first = left.size();
    TimestampNs until = std::numeric_limits<TimestampNs>::max();  // the next event of another batch
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (left[i].empty()) {
        continue;
      }
      const TimestampNs time = left[i].front().timestamp_ns;
      if (first == left.size()) {
        first = i;
      } else if (const TimestampNs earliest = left[first].front().timestamp_ns; time < earliest) {
        until = std::min(until, earliest);
        first = i;
      } else {
        until = std::min(until, time);
      }
    }
    if (first == left.size()) {
      return;
    }
    std::size_t length = 1;
    while (length < left[first].size() && left[first][length].timestamp_ns <= until) {
      ++length;
    }
    process(first, left[first].first(length));
    left[first] = left[first].subspan(length);
  }
}

}  // namespace nicsentry
