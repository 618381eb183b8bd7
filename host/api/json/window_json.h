// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/api/json/fields.h"

namespace nicsentry {

// A window that a request ended, and the files that were written of it.
struct EndedWindow {
  std::uint64_t window = 0;
  std::vector<std::string> files;  // absolute paths
};

nlohmann::ordered_json encode(const EndedWindow& ended);
template <>
EndedWindow decode(const nlohmann::json& answer);

}  // namespace nicsentry
