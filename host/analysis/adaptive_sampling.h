// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace nicsentry {

// How busy the host was with events since it last looked. Times are parts of one processor's time, 0..1.
struct Load {
  double processor = 0;      // that handling the events of this attachment took
  bool lost = false;         // its ring was full
  bool table_full = false;   // it can learn no new session
  double all = 0;            // that handling the events of all attachments took
  unsigned attachments = 1;  // that share the time
};

// Returns the sampling rate to set next for an attachment: how many packets are sent to the host, of CONFIG_SHARE_ALL.
// Overload control: a flood takes at most about half a processor and does not fill the rings. Only attachments that
// take more than their part of that time are slowed down: a flood on one leaves the others as they are. The rate grows
// again when the host is idle. It is never 0, since the events that still arrive show when a flood has ended.
std::uint32_t next_sampling_rate(std::uint32_t rate, const Load& load);

}  // namespace nicsentry
