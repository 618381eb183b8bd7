// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/status_json.h"

namespace nicsentry {

using json_fields::kBool;
using json_fields::kNumber;
using json_fields::kText;
using nlohmann::json;
using nlohmann::ordered_json;

ordered_json encode(const RunStatus& status) {
  ordered_json outages = ordered_json::array();
  for (const ListedOutage& outage : status.outages) {
    outages.push_back({{"interface", outage.interface},
                       {"hook", outage.hook},
                       {"mode", outage.mode},
                       {"reason", outage.reason},
                       {"since_ns", outage.since_ns}});
  }
  return {{"firewall", status.firewall},
          {"enforced", encode(status.enforced)},
          {"outages", std::move(outages)},
          {"ended_outputs", status.ended_outputs}};
}

template <>
RunStatus decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  RunStatus status;
  status.firewall = fields.get<bool>("firewall", kBool);
  status.enforced = get_enforced(fields);
  const json& outages = fields.list("outages");
  for (std::size_t i = 0; i < outages.size(); ++i) {
    Fields outage = fields.element("outages", outages, i);
    status.outages.push_back({outage.get<std::string>("interface", kText), outage.get<std::string>("hook", kText),
                              outage.get<std::string>("mode", kText), outage.get<std::string>("reason", kText),
                              outage.get<std::uint64_t>("since_ns", kNumber)});
  }
  status.ended_outputs = fields.get<std::vector<std::string>>("ended_outputs", "a list of texts");
  return status;
}

}  // namespace nicsentry
