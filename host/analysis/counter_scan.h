// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

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
  // Calls each(entry, counters) for every entry of the attachment that wanted(entry) chooses, by counter id. `counters`
  // are those of `half` of the control word's epochs. Throws SystemError.
  template <typename Wanted, typename Each>
  void read(Attachment& attachment, unsigned half, Wanted wanted, Each each) {
    AttachmentSessions& sessions = attachment.sessions();
    wanted_.assign(sessions.ids(), false);
    bool any = false;
    for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
      wanted_[id] = sessions.used(id) && wanted(sessions.entry(id));
      any = any || wanted_[id];
    }
    if (!any) {
      return;
    }
    attachment.program().maps().read_all_counters(half, sessions.ids(), wanted_, readings_);
    for (std::uint32_t id = 0; id < sessions.ids(); ++id) {
      if (wanted_[id]) {
        each(sessions.entry(id), readings_[id]);
      }
    }
  }

 private:
  std::vector<bool> wanted_;                // by counter id
  std::vector<session_counters> readings_;  // by counter id
};

}  // namespace nicsentry
