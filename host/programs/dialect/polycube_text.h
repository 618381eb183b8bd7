// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace nicsentry::programs {

// The texts of polycube_before.inc and polycube_after.inc, put into the binary by CMake.
extern const std::string_view kPolycubeBefore;
extern const std::string_view kPolycubeAfter;

}  // namespace nicsentry::programs
