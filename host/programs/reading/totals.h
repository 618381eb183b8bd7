// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "host/datapath/user_map.h"
#include "host/datapath/user_totals.h"
#include "host/programs/values/layout.h"

namespace nicsentry::programs {

// Adds the counted parts of what a read took to the totals, entry by entry, those of all processors together. Returns
// how many entries had no room.
std::uint64_t add_to_totals(const UserTotals& totals, const MapLayout& layout, const MapContent& content);

}  // namespace nicsentry::programs
