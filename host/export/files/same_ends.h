// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <deque>
#include <vector>

#include "host/report/window_report.h"

namespace nicsentry {

// The rows of a window as the earlier system's formats have them, which know a session by its ends alone: sessions
// between the same ends are joined into one, with the number and the server of the first. In order of those. The rows
// that are not joined belong to the report.
struct RowsByEnds {
  std::vector<const SessionWindow*> rows;
  std::deque<SessionWindow> joined;
};
RowsByEnds join_same_ends(const std::vector<SessionWindow>& sessions);

}  // namespace nicsentry
