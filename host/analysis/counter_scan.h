// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "host/analysis/attachment.h"

namespace nicsentry {

constexpr std::uint64_t packets_of(const session_counters& counters) {
  return counters.packets[0] + counters.packets[1];
}

// Reads the counters of many sessions of an attachment at once. Keeps its memory from one call to the next.
class CounterScan {
 public:
  // Calls each(entry, counters) for every entry of the attachment that wanted(id, entry) chooses, by counter id.
  // `counters` are those of `half` of the control word's epochs. Throws SystemError.
  template <typename Wanted, typename Each>
  void read(Attachment& attachment, unsigned half, Wanted wanted, Each each) {
    AttachmentSessions& sessions = attachment.sessions();
    wanted_.assign(sessions.ids(), false);
    read_ = 0;
    for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
      wanted_[id] = sessions.used(id) && wanted(id, sessions.entry(id));
      read_ += wanted_[id] ? 1 : 0;
    }
    if (read_ == 0) {
      return;
    }
    Maps& maps = attachment.program().maps();
    if (read_ < sessions.ids() / kBatchPart) {
      readings_.resize(sessions.ids());
      for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
        if (wanted_[id]) {
          readings_[id] = maps.read_counters(id, half);
        }
      }
    } else {
      maps.read_all_counters(half, sessions.ids(), wanted_, readings_);
    }
    for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
      if (wanted_[id]) {
        each(sessions.entry(id), readings_[id]);
      }
    }
  }
  // How many the last read() has read.
  std::size_t read() const { return read_; }

 private:
  static constexpr std::size_t kBatchPart = 16;  // fewer readings than this part of all cost less one by one

  std::size_t read_ = 0;
  std::vector<bool> wanted_;                // by counter id
  std::vector<session_counters> readings_;  // by counter id
};

}  // namespace nicsentry
