// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/programs/reading/reading.h"

namespace nicsentry {

// A metric for people: a title, then a row for each entry, with `add_processors` also of per-CPU maps.
std::string metric_table(const programs::MetricReading& reading, bool raw, bool add_processors);

}  // namespace nicsentry
