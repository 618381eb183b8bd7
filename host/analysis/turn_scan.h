// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "host/analysis/counter_scan.h"

namespace nicsentry {

// Returns how many of the silent sessions' counters are read at a window's end. `time`: for all of it, 0: no limit.
// `cost`: of reading one half of one session's counters. At least a part of them is read, so that each has its turn.
std::size_t silent_in_turn(std::size_t busy, std::size_t silent, std::chrono::nanoseconds cost,
                           std::chrono::nanoseconds time);

// Chooses the sessions of which the counters are read at a window's end: those that may have had packets, and of those
// that are silent for several windows as many as there is time for, in turn. On a card each reading is a message.
class TurnScan {
 public:
  void limit(std::chrono::nanoseconds time) { time_ = time; }

  // Marks, by counter id, the silent sessions whose turn it is. `silent`: ids, in order. `busy`: how many others are
  // read.
  std::vector<bool> choose(const Attachment& attachment, const std::vector<std::uint32_t>& silent, std::size_t busy,
                           std::uint32_t ids);
  // Reading so many halves took so long.
  void note_cost(const Attachment& attachment, std::size_t readings, std::chrono::nanoseconds took);

 private:
  struct Turn {
    std::uint32_t next = 0;  // id
    std::chrono::nanoseconds cost{};
  };

  std::chrono::nanoseconds time_{};
  std::map<const Attachment*, Turn> turns_;
};

}  // namespace nicsentry
