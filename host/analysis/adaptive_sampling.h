// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace nicsentry {

// How busy the host was with events since it last looked.
struct Load {
  double processor = 0;     // part of one processor's time that handling them took, 0..1
  bool lost = false;        // a ring was full
  bool table_full = false;  // no new session can be learned
};

// Returns the sampling rate to set next: how many packets of unknown sessions are sent to the host, of
// CONFIG_SHARE_ALL. Overload control: a flood takes at most about half a processor and does not fill the rings. The
// rate grows again when the host is idle. It is never 0, since the events that still arrive show when a flood has
// ended.
std::uint32_t next_sampling_rate(std::uint32_t rate, const Load& load);

}  // namespace nicsentry
