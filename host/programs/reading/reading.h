// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/datapath/user_map.h"
#include "host/programs/loaded/record.h"
#include "host/programs/monitor/monitor.h"
#include "host/programs/values/layout.h"
#include "host/programs/verify/verify.h"

namespace nicsentry::programs {

// Which metrics of a loaded monitor to read.
struct ReadRequest {
  Direction direction = Direction::both;
  std::optional<std::string> metric;  // nothing: all of them
};

// The content of a metric's map, and how its bytes are read.
struct MetricReading {
  bool egress = false;
  MetricConfig metric;
  UserMap map;
  std::int64_t timestamp_ns = 0;         // since 1970
  std::int64_t monotonic_offset_ns = 0;  // from the monotonic clock to the time since 1970
  MapLayout layout;
  std::shared_ptr<const MapContent> content;
};

// Reads a loaded monitor's metrics, ingress first, in the order of its file. From any process, while the data path goes
// on; one read of a name at a time. Maps that are swapped on a read return a window that is closed, and are emptied.
// Those that are emptied on a read return what they held. Throws NotFound for a monitor, path or metric that is not
// there, naming those that are, Conflict where a swap is not possible, and SystemError.
std::vector<MetricReading> read_metrics(const std::string& monitor, const ReadRequest& request);

}  // namespace nicsentry::programs
