// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/timeouts_option.h"

#include <algorithm>
#include <set>

#include "host/base/error.h"
#include "host/cli/duration.h"

namespace nicsentry {
namespace {

constexpr std::chrono::seconds kShortestLifetime{1};  // connections are looked at once a second

std::string names() {
  std::string joined;
  for (const NamedLifetime& named : named_lifetimes()) {
    joined += (joined.empty() ? "" : ", ") + std::string(named.name);
  }
  return joined;
}

}  // namespace

Lifetimes parse_timeouts(const std::vector<std::string>& words) {
  Lifetimes lifetimes;
  std::set<std::string> seen;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      throw Error("timeout '" + word + "': expected NAME=DURATION, as in udp=30s");
    }
    const std::string name = word.substr(0, equals);
    const auto all = named_lifetimes();
    const auto found = std::find_if(all.begin(), all.end(), [&name](const auto& one) { return one.name == name; });
    if (found == all.end()) {
      throw Error("timeout '" + name + "' is unknown; there are " + names());
    }
    if (!seen.insert(name).second) {
      throw Error("timeout '" + name + "' is given twice");
    }
    lifetimes.*found->member = parse_duration(word.substr(equals + 1), kShortestLifetime);
  }
  return lifetimes;
}

}  // namespace nicsentry
