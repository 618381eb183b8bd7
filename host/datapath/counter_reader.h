// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "bpf_offload/types.h"
#include "host/base/timestamp.h"
#include "host/base/unique_fd.h"

namespace nicsentry {

// The counters of a program's sessions as they were at one time.
struct CounterReading {
  // Of one counter id: both halves and both ends together.
  struct Sum {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    TimestampNs read_ns = 0;  // 0: never
  };

  std::vector<session_counters> values;  // [id x 2 + half]
  std::vector<Sum> now;                  // by id
  std::vector<Sum> before;               // by id, one to two steps earlier; shorter than `now` where ids are new
};

// Reads the counters of a program's sessions beside the thread that drives the program: it has a descriptor of its own
// and changes nothing. Of one thread at a time, but one_by_one().
class CounterReader {
 public:
  // `counters`: the map, which has so many ids.
  CounterReader(UniqueFd counters, std::uint32_t ids_most);

  struct Wanted {
    std::uint32_t ids = 0;  // those below it
    TimestampNs now_ns = 0;
    bool step = false;                 // rates have a new beginning: see CounterReading::before
    std::vector<std::uint32_t> first;  // ids that only their counters tell of; read before others, one by one
  };
  // Reads all counters with one call where the kernel can. Else, on a card, each is a message: they are read in turn,
  // for `time` at most. Throws SystemError.
  void read(const Wanted& wanted, std::chrono::nanoseconds time);
  // Of all readings so far.
  const CounterReading& reading() const { return reading_; }
  // The sum over all ids that were read, with what the counters held before.
  CounterReading::Sum total() const { return total_; }
  // How many sessions had packets between the last two steps.
  std::uint64_t moved() const { return moved_; }
  // No call reads several counters. Any thread.
  bool one_by_one() const { return !batch_; }
  // For tests: as on a card.
  void refuse_batches() { batch_ = false; }

 private:
  void read_values(std::uint32_t ids);
  void read_in_turn(const Wanted& wanted, std::chrono::nanoseconds time);
  void take(std::uint32_t id, TimestampNs now_ns, bool step);
  void read_element(std::uint32_t id);

  UniqueFd counters_;
  std::uint32_t ids_most_;
  std::atomic<bool> batch_ = true;
  CounterReading reading_;
  std::vector<CounterReading::Sum> step_;  // at the last step
  CounterReading::Sum total_;
  std::uint64_t moved_ = 0;
  std::uint32_t next_ = 0;  // id
  std::vector<std::uint32_t> keys_;
};

}  // namespace nicsentry
