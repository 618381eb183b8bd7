// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/api/json/enforced_json.h"
#include "host/api/json/fields.h"

namespace nicsentry {

// A program of a run that is not on its hook any more.
struct ListedOutage {
  std::string interface;
  std::string hook;
  std::string mode;
  std::string reason;
  std::uint64_t since_ns = 0;
};

// What a run knows of itself beyond what the kernel reports of its programs.
struct RunStatus {
  bool firewall = false;
  Enforced enforced;
  std::vector<ListedOutage> outages;
  std::vector<std::string> ended_outputs;  // that nobody reads any more
};
nlohmann::ordered_json encode(const RunStatus& status);
template <>
RunStatus decode(const nlohmann::json& answer);

}  // namespace nicsentry
