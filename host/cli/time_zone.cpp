// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/time_zone.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <system_error>

namespace nicsentry {
namespace {

bool is_letter(char character) { return std::isalpha(static_cast<unsigned char>(character)) != 0; }

// "CET-1...": a name of three letters or more, or one in angle brackets, and an offset (tzset(3)).
bool begins_a_rule(std::string_view tz) {
  const bool quoted = tz.starts_with('<');
  const auto end = quoted ? std::find(tz.begin(), tz.end(), '>') : std::find_if_not(tz.begin(), tz.end(), is_letter);
  const auto name = static_cast<std::size_t>(end - tz.begin());
  constexpr std::size_t kShortestName = 3;
  if (name < kShortestName || end == tz.end()) {
    return false;
  }
  tz.remove_prefix(name + (quoted ? 1 : 0));
  if (tz.starts_with('+') || tz.starts_with('-')) {
    tz.remove_prefix(1);
  }
  return !tz.empty() && std::isdigit(static_cast<unsigned char>(tz.front())) != 0;
}

}  // namespace

bool is_time_zone(std::string_view tz, const std::filesystem::path& zones) {
  if (tz.starts_with(':')) {
    tz.remove_prefix(1);
  }
  std::error_code missing;
  // Without any zones installed these are right nevertheless.
  return tz.empty() || tz == "UTC" || tz == "GMT" || std::filesystem::is_regular_file(zones / tz, missing) ||
         begins_a_rule(tz);
}

std::filesystem::path time_zones() {
  const char* chosen = std::getenv("TZDIR");
  return chosen != nullptr ? chosen : "/usr/share/zoneinfo";
}

}  // namespace nicsentry
