// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/api/json/fields.h"

namespace nicsentry {

struct VersionInfo {
  std::string version;  // "0.2.0"
  std::string commit;   // "unknown" where the source was no repository
  unsigned program_abi = 0;
  unsigned state_format = 0;
  std::string libbpf;  // "1.1"
};

nlohmann::ordered_json encode(const VersionInfo& info);
template <>
VersionInfo decode(const nlohmann::json& answer);

}  // namespace nicsentry
