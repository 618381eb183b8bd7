// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/version_json.h"

namespace nicsentry {

nlohmann::ordered_json encode(const VersionInfo& info) {
  return {{"version", info.version},
          {"commit", info.commit},
          {"program_abi", info.program_abi},
          {"state_format", info.state_format},
          {"libbpf", info.libbpf}};
}

template <>
VersionInfo decode(const nlohmann::json& answer) {
  Fields fields(answer, Origin::answer);
  VersionInfo info;
  info.version = fields.get<std::string>("version", json_fields::kText);
  info.commit = fields.get<std::string>("commit", json_fields::kText);
  info.program_abi = fields.get<unsigned>("program_abi", json_fields::kNumber);
  info.state_format = fields.get<unsigned>("state_format", json_fields::kNumber);
  info.libbpf = fields.get<std::string>("libbpf", json_fields::kText);
  return info;
}

}  // namespace nicsentry
