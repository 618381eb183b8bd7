// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string_view>

namespace nicsentry {

// Whether TZ names a time zone: a file below `zones`, or a rule such as "CET-1CEST". For any other name the C library
// takes UTC without a word.
bool is_time_zone(std::string_view tz, const std::filesystem::path& zones);

// Where the C library looks for time zones: TZDIR, or /usr/share/zoneinfo.
std::filesystem::path time_zones();

}  // namespace nicsentry
