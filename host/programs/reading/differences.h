// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/datapath/last_readings.h"
#include "host/datapath/user_map.h"
#include "host/programs/values/layout.h"

namespace nicsentry::programs {

// What was added to a map since its last reading: each integer of 4 or 8 bytes, which are all that a card adds to, as
// the difference. All else is as it was read.
MapContent difference_to(const LastReadings& last, const Layout& value, MapContent content);

// The same, and keeps what was read as the last reading.
MapContent take_difference(const LastReadings& last, const Layout& value, const MapContent& content);

}  // namespace nicsentry::programs
