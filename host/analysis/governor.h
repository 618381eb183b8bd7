// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace nicsentry {

// How busy the host was with events since it last looked.
struct Load {
  double processor = 0;     // share of one processor that handling them took, 0..1
  bool lost = false;        // a ring was full
  bool table_full = false;  // no new session can be learned
};

// The share of unknown sessions' packets to ask for next (0..CONFIG_SHARE_ALL), so that a flood neither takes more than
// about half a processor nor fills the rings; it grows again when the host is idle. Never 0: what comes shows that a
// flood has ended.
std::uint32_t next_share(std::uint32_t share, const Load& load);

}  // namespace nicsentry
